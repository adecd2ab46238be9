//! The page of a study.

use super::study::{Definition, StoredTrial};
use crate::report::Page;

/// A page that shows what a study has found.
pub fn study_page(name: &str, definition: &Definition, trials: &[StoredTrial]) -> String {
    let page = Page::new(&format!("Study {name} on {}", definition.config.source));
    let _ = trials;
    page.finish()
}
