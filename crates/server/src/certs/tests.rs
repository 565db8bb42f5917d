use std::fs;

use super::*;

fn write(folder: &Path, name: &str, hosts: &[&str]) -> CertFiles {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(hosts).unwrap();
    let files = CertFiles {
        hosts: Vec::new(),
        cert: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    fs::write(&files.cert, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

fn error(files: CertFiles) -> String {
    CertStore::load(&[files]).unwrap_err().to_string()
}

#[test]
fn errors_name_the_file_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good", &["a.example"]);
    let other = write(folder.path(), "other", &["b.example"]);
    let text = folder.path().join("text");
    fs::write(&text, "no PEM").unwrap();
    let rubbish = folder.path().join("rubbish");
    fs::write(
        &rubbish,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();

    assert!(CertStore::load(&[good.clone(), other.clone()]).is_ok());

    let missing = error(CertFiles {
        cert: folder.path().join("none"),
        ..good.clone()
    });
    assert!(missing.contains("none: cannot be read"), "{missing}");
    let no_cert = error(CertFiles {
        cert: text.clone(),
        ..good.clone()
    });
    assert!(
        no_cert.contains("text: has no certificate in PEM"),
        "{no_cert}"
    );
    let no_key = error(CertFiles {
        key: text,
        ..good.clone()
    });
    assert!(
        no_key.contains("text: has no unencrypted private key in PEM"),
        "{no_key}"
    );
    let invalid = error(CertFiles {
        cert: rubbish,
        ..good.clone()
    });
    assert!(
        invalid.contains("rubbish: the certificate is not valid"),
        "{invalid}"
    );
    let mixed = error(CertFiles {
        key: other.key,
        ..good
    });
    assert!(
        mixed.contains("other.key: is not the key of the certificate in"),
        "{mixed}"
    );
    assert!(CertStore::load(&[]).is_err());
}

#[test]
fn a_certificate_without_names_needs_hosts_unless_it_is_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let named = write(folder.path(), "named", &["a.example"]);
    let nameless = write(folder.path(), "nameless", &[]);
    assert!(CertStore::load(&[nameless.clone(), named.clone()]).is_ok());
    let refused = CertStore::load(&[named.clone(), nameless.clone()])
        .unwrap_err()
        .to_string();
    assert!(refused.contains("nameless.pem: names no host"), "{refused}");
    let told = CertFiles {
        hosts: vec!["b.example".to_owned()],
        ..nameless
    };
    assert!(CertStore::load(&[named, told]).is_ok());
}
