//! Results that lie in a folder since an earlier run with the same inputs. How long that run was patient does not count: a folder that is removed is made again.
//! Neither does what only places count for a result that is wanted for its cells alone, such as the blocks that are placed with the module around them.

use std::fs;

use super::flow::{Request, put, refused, sha256};
use super::report::Module;
use crate::{Error, Result};

/// The file that holds the hashes of all inputs, and the one that holds the result.
const INPUTS: &str = "inputs.sha256";
const RESULT: &str = "module.toml";

/// What asks the programs: another text may ask for something else.
const FLOW: [&str; 4] =
    [include_str!("flow.rs"), include_str!("recipes.rs"), include_str!("timing.rs"), include_str!("outline.rs")];

/// The hashes of all that a result depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    /// Of what its cells come from.
    mapped: String,
    /// Of what its places come from beside that.
    placing: String,
}

impl Inputs {
    /// Whether a result with these hashes is as good as a new one.
    fn allow(&self, kept: &str, place: bool) -> bool {
        let mut lines = kept.lines();
        lines.next() == Some(&self.mapped) && (!place || lines.next() == Some(&self.placing))
    }
}

/// The hashes for a result: `texts` are the sources, the programs up to its cells, and the results of its blocks; `placing` are the programs behind those.
pub(super) fn inputs(request: &Request<'_>, texts: &[String], placing: &[&str]) -> Result<Inputs> {
    let Request { module, chip, cells, clock_ghz, bit_um2, .. } = request;
    let settings = format!("{module:?} {cells:?} {clock_ghz} {bit_um2:?} {:?}", request.programs.versions);
    let params = module.params(chip).map_err(|error| Error::Build(error.to_string()))?;
    let library = cells.sha256(request.library)?;
    let mut parts = vec![settings.into_bytes(), format!("{params:?} {library}").into_bytes()];
    parts.extend(FLOW.map(|text| text.as_bytes().to_vec()));
    parts.extend(texts.iter().map(|text| text.clone().into_bytes()));
    for path in request.recorded()? {
        parts.push(fs::read(&path).map_err(|error| refused(&path, &error))?);
    }
    Ok(Inputs { mapped: sha256(parts.iter()), placing: sha256(placing.iter()) })
}

/// The result in the request's folder, if it is of these inputs and has places where they are asked for.
pub(super) fn found(request: &Request<'_>, inputs: &Inputs) -> Option<Module> {
    let read = |name: &str| fs::read_to_string(request.folder.join(name)).ok();
    if !inputs.allow(&read(INPUTS)?, request.place) {
        return None;
    }
    toml::from_str(&read(RESULT)?).ok().filter(|module: &Module| module.placed.is_some() || !request.place)
}

/// Keep a result beside its files.
pub(super) fn keep(request: &Request<'_>, inputs: &Inputs, module: &Module) -> Result<()> {
    put(&request.folder.join(RESULT), &toml::to_string(module).expect("a report has tables last"))?;
    put(&request.folder.join(INPUTS), &format!("{}\n{}\n", inputs.mapped, inputs.placing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_places_counts_for_places_alone() {
        let inputs = Inputs { mapped: "a".into(), placing: "b".into() };
        for (kept, cells, places) in
            [("a\nb\n", true, true), ("a\nc\n", true, false), ("c\nb\n", false, false), ("", false, false)]
        {
            assert_eq!((inputs.allow(kept, false), inputs.allow(kept, true)), (cells, places), "{kept}");
        }
    }
}
