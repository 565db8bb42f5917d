//! A process that ends with the one that started it: however that ended, its end of a pipe closes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process, thread,
};

/// What the folders that may be removed are called.
pub(crate) const FOLDER_PREFIX: &str = "perigee-demo-";

/// Ends this process when standard input closes, and removes `folder` then if it is one of ours.
pub(crate) fn watch(folder: PathBuf) {
    thread::spawn(move || {
        // What is read is of no interest, and an error is an end too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        remove(&folder);
        process::exit(0);
    });
}

/// Removes the folder of a demo. Others may be doing the same; somebody must be the last.
pub(crate) fn remove(folder: &Path) {
    let name = folder.file_name().and_then(|name| name.to_str());
    if name.is_some_and(|name| name.starts_with(FOLDER_PREFIX)) {
        // A file that another process removes first, or makes meanwhile, stops one pass.
        for _ in 0..10 {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => return,
                Err(_) => {}
                Ok(()) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_a_demo_are_removed() {
        let base = tempfile::tempdir().expect("a folder");
        let (ours, other) = (base.path().join("perigee-demo-x"), base.path().join("x"));
        for folder in [&ours, &other] {
            fs::create_dir(folder).expect("makes");
            fs::write(folder.join("file"), "text").expect("writes");
            remove(folder);
        }
        assert!(!ours.exists() && other.exists());
        remove(&ours);
        remove(Path::new(""));
    }
}
