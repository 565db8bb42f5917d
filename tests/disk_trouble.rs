//! A disk that takes no more, or has something else in its place, while the node runs.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::{
    disk::{NODE, bodies, folder, hit, plan, start_again, told, until_told, until_written},
    harness::{cdn::Cdn, client::get, wait},
};

/// The value of a metric without labels.
async fn metric(cdn: &Cdn, name: &str) -> f64 {
    let metrics = get(cdn.admin(NODE), "localhost", "/metrics").send().await;
    let text = metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

/// From now on the process cannot make a file longer than this.
fn bound_files(cdn: &mut Cdn, bytes: Option<u64>) {
    let process = Pid::from_raw(cdn.node(NODE).id() as i32);
    let limit = Rlimit {
        current: bytes,
        maximum: getrlimit(Resource::Fsize).maximum,
    };
    prlimit(process, Resource::Fsize, limit).unwrap();
}

/// Asks for what nobody has asked for, twice.
async fn visit_new(cdn: &Cdn) {
    let path = format!("/300000/{}", fastrand::u64(..));
    assert!(!hit(cdn, &path).await);
    assert!(hit(cdn, &path).await, "memory has it");
}

#[tokio::test]
async fn a_disk_that_takes_no_more_stops_nobody_and_comes_back() {
    let origin = bodies().await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    assert!(!hit(&cdn, "/300000/before").await);
    until_written(&cdn, 1).await;
    bound_files(&mut cdn, Some(100_000));
    wait::until("it is told that the disk cannot be used", || async {
        visit_new(&cdn).await;
        let disk = told(&cdn, NODE).await;
        let metric = metric(&cdn, "perigee_disk_usable").await;
        (disk["unusable"].is_string() && metric == 0.0).then_some(())
    })
    .await;
    assert!(metric(&cdn, "perigee_disk_write_errors_total").await > 0.0);
    // What is not taken is counted.
    wait::until("something is shed", || async {
        visit_new(&cdn).await;
        (metric(&cdn, "perigee_disk_shed_total").await > 0.0).then_some(())
    })
    .await;
    assert!(hit(&cdn, "/300000/before").await, "what is there is read");

    bound_files(&mut cdn, None);
    until_told(&cdn, "it can be used again", |disk| {
        disk["unusable"].is_null()
    })
    .await;
    let last = "/300000/after";
    wait::until("it is written again", || async {
        hit(&cdn, last).await;
        visit_new(&cdn).await;
        let disk = told(&cdn, NODE).await;
        (disk["unusable"].is_null() && disk["keys"].as_u64() > Some(1)).then_some(())
    })
    .await;
    until_written(&cdn, 2).await;
    cdn.node(NODE).kill();
    start_again(&mut cdn).await;
    assert!(hit(&cdn, "/300000/before").await);
}

#[tokio::test]
async fn a_folder_with_something_else_in_its_place_comes_back() {
    let origin = bodies().await;
    let cdn = Cdn::start(plan(&origin, "cache")).await;
    assert!(!hit(&cdn, "/300000/before").await);
    until_written(&cdn, 1).await;
    let there = folder(&cdn, NODE);
    fs::remove_dir_all(&there).unwrap();
    fs::write(&there, "not a folder").unwrap();
    wait::until("it is told that the disk cannot be used", || async {
        visit_new(&cdn).await;
        told(&cdn, NODE).await["unusable"].is_string().then_some(())
    })
    .await;
    assert_eq!(metric(&cdn, "perigee_disk_usable").await, 0.0);
    visit_new(&cdn).await;
    assert!(hit(&cdn, "/300000/before").await);
    fs::remove_file(&there).unwrap();
    wait::until("the folder is made again, and written to", || async {
        visit_new(&cdn).await;
        let disk = told(&cdn, NODE).await;
        let is_written = disk["unusable"].is_null() && disk["keys"].as_u64() > Some(0);
        (there.join("store.toml").exists() && is_written).then_some(())
    })
    .await;
    assert_eq!(metric(&cdn, "perigee_disk_usable").await, 1.0);
}
