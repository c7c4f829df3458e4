//! The recipes: each example's story with real packets, in both families, and the guide's listings.

// The recipes as a part of another crate: they use nothing that a stranger could not use.
pub use oxitables::*;
#[allow(dead_code, unused_imports, hidden_glob_reexports)]
#[path = "../src/recipes/mod.rs"]
mod recipes;

/// Runs the story of each example, and knows what the guide lists.
macro_rules! stories {
    ($($name:ident $path:literal)*) => { $(
        #[path = $path]
        #[allow(dead_code)] // its main
        mod $name;
    )*
        mod story { $(
            #[test]
            fn $name() {
                oxitables::testing::isolated(crate::$name::tell);
            }
        )* }

        /// Name and batch of each.
        fn all() -> Vec<(&'static str, oxitables::Batch)> {
            use oxitables::recipes::Recipe;
            vec![$( (stringify!($name), $name::recipe().batch()) ),*]
        }
    };
}

stories! {
    vps_baseline "../examples/vps_baseline.rs"
}

#[path = "recipes/guide.rs"]
mod guide;
