//! The text of every source of the chip, in the order of `rtl/files.f`: packages first.

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Every source: its path below `rtl` (`sv/puce_pkg.sv`) and its text.
pub fn all() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// The module or package that a source holds: the name of its file.
pub fn unit(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".sv").unwrap_or(file)
}

/// The sources that the texts in `roots` name outside comments, and the ones that those name, in the order of the list.
pub fn named_by<'a>(roots: impl IntoIterator<Item = &'a str>) -> Vec<(&'static str, &'static str)> {
    let mut found = vec![false; FILES.len()];
    let mut open: Vec<&str> = roots.into_iter().collect();
    while let Some(text) = open.pop() {
        let code = text.lines().map(|line| line.split("//").next().unwrap_or(line));
        for word in code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')) {
            let Some(at) = FILES.iter().position(|(path, _)| unit(path) == word) else { continue };
            if !std::mem::replace(&mut found[at], true) {
                open.push(FILES[at].1);
            }
        }
    }
    FILES.iter().zip(found).filter_map(|(file, found)| found.then_some(*file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_texts_are_the_texts_on_disk() {
        assert!(all().len() > 10);
        for (path, text) in all() {
            assert_eq!(std::fs::read_to_string(path).as_deref().ok(), Some(*text), "{path}");
        }
    }

    #[test]
    fn every_source_on_disk_is_listed() {
        for entry in std::fs::read_dir("sv").unwrap() {
            let path = format!("sv/{}", entry.unwrap().file_name().to_str().unwrap());
            assert!(all().iter().any(|(listed, _)| *listed == path), "files.f does not list {path}");
        }
    }

    #[test]
    fn a_source_brings_what_it_names_and_no_more() {
        let names: Vec<_> =
            named_by(["puce_hub u_hub (...);  // not puce_fp_add"]).iter().map(|(path, _)| unit(path)).collect();
        assert!(names.starts_with(&["puce_pkg"]) && names.contains(&"puce_hub"), "{names:?}");
        assert!(!names.contains(&"puce_fp_add"), "{names:?}");
    }
}
