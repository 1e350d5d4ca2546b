// Sends what a person does on the page to the server that the page came from.

const token = document.querySelector('meta[name="gantry-page"]').content;

/** The answer, or `{error}` with a sentence for the person. */
export async function post(url, body) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-gantry-page': token },
      body: JSON.stringify(body),
    });
    if (response.status === 403) return { error: sentence(await response.text()) };
    const answer = await response.json();
    return answer.error ? { error: sentence(answer.error) } : answer;
  } catch {
    return { error: 'The local world does not answer. Is it still running?' };
  }
}

function sentence(reason) {
  return `That did not work: ${reason.replace(/\.$/, '')}.`;
}
