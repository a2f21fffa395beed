//! Where what can be made again is kept: fetched models, built simulators.

use std::ffi::OsString;
use std::path::PathBuf;

/// The cache directory that the environment asks for: `PUCE_CACHE`, else `puce` in `XDG_CACHE_HOME`, else in `~/.cache`.
/// `variable` reads the environment; `None` if not even `HOME` is set.
pub fn cache_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let read = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let xdg = || read("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let base = || xdg().or_else(|| Some(read("HOME")?.join(".cache")));
    read("PUCE_CACHE").or_else(|| Some(base()?.join("puce")))
}

#[cfg(test)]
mod tests {
    use super::cache_dir;

    #[test]
    fn the_environment_names_the_cache() {
        let with = |pairs: &'static [(&str, &str)]| {
            let found = move |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into());
            cache_dir(found).map(|path| path.to_str().unwrap().to_string())
        };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[("HOME", "/h")]).as_deref(), Some("/h/.cache/puce"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]).as_deref(), Some("/x/puce"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "x")]).as_deref(), Some("/h/.cache/puce"));
        assert_eq!(with(&[("HOME", "/h"), ("PUCE_CACHE", "c")]).as_deref(), Some("c"));
        assert_eq!(with(&[("HOME", "/h"), ("PUCE_CACHE", "")]).as_deref(), Some("/h/.cache/puce"));
    }
}
