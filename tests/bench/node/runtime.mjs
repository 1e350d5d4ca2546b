// The loop of a Lambda runtime and nothing else: Node's own client (aws-lambda-ric) is a native addon that has to be compiled.
// Leaner than Lambda's own, so what is measured with it is on Node's side.
import http from "node:http";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/${path}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const { handler } = await import(process.env.GANTRY_BENCH_HANDLER);
for (;;) {
  const next = await call("GET", "invocation/next");
  const id = next.headers["lambda-runtime-aws-request-id"];
  try {
    const output = await handler(JSON.parse(next.body));
    await call("POST", `invocation/${id}/response`, JSON.stringify(output ?? null));
  } catch (error) {
    const failure = { errorType: error.constructor.name, errorMessage: error.message };
    await call("POST", `invocation/${id}/error`, JSON.stringify(failure));
  }
}
