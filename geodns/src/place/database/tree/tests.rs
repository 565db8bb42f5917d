use super::*;

const HALF: u128 = 1 << 127;

#[test]
fn a_tree_of_one_leaf() {
    let mut leaves = Leaves::new(1);
    leaves.push(0, 0, Leaf::Row(7)).unwrap();
    let tree = leaves.tree(8).unwrap();
    let start = tree.behind_zeros(96);
    assert_eq!((start.depth, tree.find(start, 5)), (0, (Leaf::Row(7), 0)));
}

#[test]
fn each_address_leads_to_its_leaf() {
    // All prefixes of 10 bits but the last ones, which are a longer one each.
    let mut leaves = Leaves::new(0);
    for n in 0..1_023_u128 {
        leaves.push(n << 118, 10, Leaf::Row(n as u32)).unwrap();
    }
    for depth in 11..=128 {
        let address = u128::MAX << (129 - u32::from(depth));
        leaves.push(address, depth, Leaf::Nothing).unwrap();
    }
    leaves.push(u128::MAX, 128, Leaf::Alias).unwrap();
    let tree = leaves.tree(1_023).unwrap();
    for n in 0..1_023_u128 {
        let found = tree.find(Start::default(), n << 118 | 77);
        assert_eq!(found, (Leaf::Row(n as u32), 10));
    }
    let found = |address| tree.find(Start::default(), address);
    assert_eq!(found(u128::MAX), (Leaf::Alias, 128));
    assert_eq!(found(u128::MAX - 1), (Leaf::Nothing, 128));
    assert_eq!(found(u128::MAX << 117), (Leaf::Nothing, 12));
}

#[test]
fn what_is_left_out_is_an_alias() {
    let mut leaves = Leaves::new(0);
    leaves.push(HALF >> 2, 3, Leaf::Row(0)).unwrap();
    leaves.push(HALF, 2, Leaf::Nothing).unwrap();
    let tree = leaves.tree(1).unwrap();
    let found = [0, 1, 2, 3, 4, 6].map(|n: u128| tree.find(Start::default(), n << 125));
    let expected = [
        (Leaf::Alias, 3),
        (Leaf::Row(0), 3),
        (Leaf::Alias, 2),
        (Leaf::Alias, 2),
        (Leaf::Nothing, 2),
        (Leaf::Alias, 2),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_in_no_order_is_no_tree() {
    let mut leaves = Leaves::new(0);
    leaves.push(HALF, 1, Leaf::Nothing).unwrap();
    assert_eq!(leaves.push(HALF, 2, Leaf::Nothing), None);
    let mut leaves = Leaves::new(0);
    assert_eq!(leaves.push(HALF >> 1, 1, Leaf::Nothing), None);
    assert_eq!(leaves.push(0, 129, Leaf::Nothing), None);
}

#[test]
fn leaves_take_as_many_octets_as_they_need() {
    for (rows, width) in [
        (0, 1),
        (253, 1),
        (254, 2),
        (65_533, 2),
        (65_534, 3),
        (1 << 24, 4),
    ] {
        let mut packed = Packed::new(3, rows);
        assert_eq!(packed.width, width, "{rows}");
        let last = Leaf::Row((rows as u32).saturating_sub(1));
        packed.set(1, last.number());
        packed.set(2, Leaf::Alias.number());
        let all = [0, 1, 2].map(|at| packed.get(at));
        assert_eq!(all, [Leaf::Nothing, last, Leaf::Alias], "{rows}");
    }
}
