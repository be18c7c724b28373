#[test]
fn a_sum_that_is_too_great_is_the_greatest() {
    assert_eq!(super::added([u64::MAX, 1].into_iter()), u64::MAX);
}
