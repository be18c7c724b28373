//! Tests of `src/slides.rs`, which see what is private there. How slides are made of pages is tested in a browser:
//! `.ci/browser`.

use super::*;

#[test]
fn a_slide_has_no_links_and_holds_its_pictures() {
    let folder = checkout::find().unwrap().join("docs");
    let made = rendered("[ACK](words.md#ack) ![a \"stall\"](images/stall.svg)", &folder).unwrap();
    assert!(!made.contains("<a ") && made.contains("ACK"), "{made}");
    assert!(made.contains("alt=\"a &quot;stall&quot;\""), "{made}");
    assert!(made.contains("src=\"data:image/svg+xml,%3Csvg"), "{made}");
    assert!(rendered("![](images/none.svg)", &folder).is_err());
}
