//! MiniStack starts, several side by side, and never outlives the process that started it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gantry_local::client::Client;
use gantry_local::ministack::{MiniStack, MiniStackOptions};

/// Members of the process group that a MiniStack leads: itself and its Lambda workers.
fn group(leader: &str) -> String {
    let listed = Command::new("ps").args(["-A", "-o", "pgid=,pid=,stat=,args="]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let alive = |line: &&str| {
        let mut columns = line.split_whitespace();
        columns.next() == Some(leader) && !columns.nth(1).is_some_and(|state| state.starts_with('Z'))
    };
    listed.lines().filter(alive).collect::<Vec<_>>().join("\n")
}

fn wait_until_empty(leader: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !group(leader).is_empty() {
        assert!(Instant::now() < deadline, "still running:\n{}", group(leader));
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_worlds_stand_side_by_side_and_end_when_dropped() {
    let start = || MiniStack::start(MiniStackOptions::default());
    let (one, two, three) = tokio::join!(start(), start(), start());
    let worlds = [one.unwrap(), two.unwrap(), three.unwrap()];
    let leaders: Vec<String> = worlds.iter().map(|world| world.pid().to_string()).collect();
    for (index, world) in worlds.iter().enumerate() {
        let client = Client::new(world.endpoint()).unwrap();
        client.create_bucket(&format!("bucket-of-{index}")).await.unwrap();
        let other = Client::new(worlds[(index + 1) % 3].endpoint()).unwrap();
        let refused = other.put_object(&format!("bucket-of-{index}"), "x", Vec::new()).await.unwrap_err();
        assert_eq!(refused.code(), Some("NoSuchBucket"));
    }
    let directory = worlds[0].directory().to_path_buf();
    drop(worlds);
    for leader in leaders {
        assert_eq!(group(&leader), "");
    }
    assert!(!directory.exists());
}

/// Not a test by itself: the process that the test below starts and kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by a_killed_world_leaves_nothing_running"]
async fn a_world_that_waits_to_be_killed() {
    let world = MiniStack::start(MiniStackOptions::default()).await.unwrap();
    println!("world {} {} {}", world.pid(), world.endpoint(), world.directory().display());
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_world_leaves_nothing_running() {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ministack::a_world_that_waits_to_be_killed",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let line = lines.by_ref().map(Result::unwrap).find(|line| line.contains("world ")).unwrap();
    let [pid, endpoint, directory] = line.split_whitespace().rev().take(3).collect::<Vec<_>>()[..] else {
        panic!("unexpected line {line}")
    };
    let (pid, endpoint, directory) = (directory, endpoint, pid);
    assert!(group(pid).contains("launcher.py"), "the group is {}", group(pid));
    let worker = crate::support::deploy_and_occupy_a_function(&Client::new(endpoint).unwrap()).await;
    assert!(group(pid).contains(&worker), "worker {worker} is not in {}", group(pid));

    parent.kill().unwrap();
    parent.wait().unwrap();

    wait_until_empty(pid);
    assert!(!Path::new(directory).exists());
}
