//! Results that lie in a folder since an earlier run with the same inputs. How long that run was patient does not count: a folder that is removed is made again.

use std::fs;

use super::flow::{Request, put, refused, sha256};
use super::report::Module;
use crate::{Error, Result};

/// The file that holds the hash of all inputs, and the one that holds the result.
const INPUTS: &str = "inputs.sha256";
const RESULT: &str = "module.toml";

/// What asks the programs: another text may ask for something else.
const FLOW: [&str; 4] =
    [include_str!("flow.rs"), include_str!("recipes.rs"), include_str!("timing.rs"), include_str!("outline.rs")];

/// The hash of all that a result depends on: `texts` are the sources and programs, and the results of its blocks.
pub(super) fn inputs(request: &Request<'_>, texts: &[String]) -> Result<String> {
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
    Ok(sha256(parts.iter()))
}

/// The result in the request's folder, if it is of these inputs and has places where they are asked for.
pub(super) fn found(request: &Request<'_>, inputs: &str) -> Option<Module> {
    let read = |name: &str| fs::read_to_string(request.folder.join(name)).ok();
    if read(INPUTS)? != inputs {
        return None;
    }
    toml::from_str(&read(RESULT)?).ok().filter(|module: &Module| module.placed.is_some() || !request.place)
}

/// Keep a result beside its files.
pub(super) fn keep(request: &Request<'_>, inputs: &str, module: &Module) -> Result<()> {
    put(&request.folder.join(RESULT), &toml::to_string(module).expect("a report has tables last"))?;
    put(&request.folder.join(INPUTS), inputs)
}
