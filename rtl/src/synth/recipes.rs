//! Recipes by which gates become cells: scripts of ABC.

/// A script of ABC with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// What reports call it.
    pub name: &'static str,
    /// Restructuring and mapping; `{D}` stands for the delay aimed at in picoseconds.
    restructure: &'static str,
}

/// Buffers for more than 16 inputs, then sizes for the delay aimed at.
const SIZES: &str = "buffer -c -N 16\ntopo\nupsize -D {D}\ndnsize -D {D}\nstime -p\n";

/// Recipes from the smallest results to the fastest.
pub const RECIPES: &[Recipe] = &[
    // Keeps carry chains as they are written.
    Recipe {
        name: "area",
        restructure: "strash\nifraig\nscorr\ndc2\nstrash\n&get -n\n&syn3\n&syn3\n&syn4\n&b -d\n&dch -f\n&nf -D {D}\n&put\n",
    },
    // Tables of six inputs, found with an eye on depth (`-g`), restructure carry chains into trees.
    Recipe {
        name: "trees",
        restructure: "strash\nifraig\nscorr\ndc2\nstrash\nst\nif -g -K 6\nstrash\ndch\nmap -B 0.9 -D {D}\ntopo\n",
    },
    // The same twice over: sums of 64 bits then lose most of their carry chain.
    Recipe {
        name: "deep-trees",
        restructure: "strash\nifraig\nscorr\nst\nif -g -K 6\nif -g -K 6\nstrash\ndch\nmap -B 0.9 -D {D}\ntopo\n",
    },
    // Once, with tables of eight.
    Recipe {
        name: "wide-trees",
        restructure: "strash\nifraig\nscorr\nst\nif -g -K 8 -C 8\nstrash\ndch\nmap -D {D}\ntopo\n",
    },
];

impl Recipe {
    /// The script for a delay in picoseconds.
    pub(super) fn script(&self, target_ps: f64) -> String {
        (self.restructure.to_string() + SIZES).replace("{D}", &format!("{target_ps:.0}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_name_the_delay_and_recipes_have_names_of_their_own() {
        for (index, recipe) in RECIPES.iter().enumerate() {
            let script = recipe.script(499.6);
            assert!(script.contains("-D 500\n") && !script.contains('{'), "{script}");
            assert!(RECIPES[..index].iter().all(|other| other.name != recipe.name));
        }
    }
}
