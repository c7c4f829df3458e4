//! All of it once more, as an ordinary user.

#[test]
fn works_for_an_ordinary_user() {
    crate::ordinary::all_of_this_as_an_ordinary_user();
}
