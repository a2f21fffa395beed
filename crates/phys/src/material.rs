//! What layers are made of: `data/materials.toml`.

use crate::written::{self, FactError};
use base::units::{JoulesPerCubicMetreKelvin, WattsPerMetreKelvin};
use serde::Deserialize;
use std::collections::BTreeMap;

const FILE: &str = "materials.toml";

/// How a material conducts and stores heat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Material {
    /// Conductivity in the plane of the layer.
    pub along: WattsPerMetreKelvin,
    /// Conductivity through the layer.
    pub across: WattsPerMetreKelvin,
    /// Heat per volume and degree.
    pub capacity: JoulesPerCubicMetreKelvin,
}

impl Material {
    /// A material that conducts alike in all directions.
    pub fn isotropic(conductivity: WattsPerMetreKelvin, capacity: JoulesPerCubicMetreKelvin) -> Material {
        Material { along: conductivity, across: conductivity, capacity }
    }
}

/// The materials by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Materials(BTreeMap<String, Material>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMaterial {
    #[serde(deserialize_with = "written::quantity")]
    along: WattsPerMetreKelvin,
    #[serde(deserialize_with = "written::quantity")]
    across: WattsPerMetreKelvin,
    #[serde(deserialize_with = "written::quantity")]
    capacity: JoulesPerCubicMetreKelvin,
    #[serde(rename = "source", deserialize_with = "written::said")]
    _source: String,
    #[serde(rename = "as_of", deserialize_with = "written::said")]
    _as_of: String,
}

impl Materials {
    /// The shipped materials.
    pub fn builtin() -> Materials {
        let text = data::file(FILE).expect("the materials are embedded");
        Materials::parse(FILE, text).expect("shipped materials are tested")
    }

    /// Reads materials: a table each, by name.
    pub fn parse(file: &str, text: &str) -> Result<Materials, FactError> {
        let raw: BTreeMap<String, RawMaterial> = written::read(file, text)?;
        let material = |raw: RawMaterial| Material { along: raw.along, across: raw.across, capacity: raw.capacity };
        Ok(Materials(raw.into_iter().map(|(name, raw)| (name, material(raw))).collect()))
    }

    /// A material by its name.
    pub fn get(&self, name: &str) -> Option<&Material> {
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_materials_conduct() {
        let materials = Materials::builtin();
        assert!(materials.0.len() >= 8);
        for (name, material) in &materials.0 {
            assert!(material.along.0 > 0.0 && material.across.0 > 0.0 && material.capacity.0 > 1e5, "{name}");
        }
        assert!(materials.get("silicon").unwrap().along.0 > 100.0);
        assert!(materials.get("unobtainium").is_none());
    }

    #[test]
    fn a_bare_number_is_refused_with_its_line() {
        let text = data::file(FILE).unwrap();
        let broken = text.replacen("W/(m K)", "W/m", 1);
        let line = 1 + broken.lines().position(|line| line.contains("W/m\"")).unwrap();
        let error = Materials::parse(FILE, &broken).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.what.contains("W/m"), "{error}");
    }
}
