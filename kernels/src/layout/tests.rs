use super::*;

fn axis(places: &[Option<usize>]) -> Axis {
    let mut axis = Axis::default();
    places.iter().for_each(|&place| axis.push(place).unwrap());
    axis
}

/// Of all values by themselves, in parts of a few.
fn check(axes: Vec<Axis>, values: usize) {
    let values: Vec<f32> = (0..values).map(|i| i as f32 + 1.0).collect();
    let mut places = vec![Some(0)];
    for axis in &axes {
        let along = |place: Option<usize>| {
            axis.places().map(move |more| place.zip(more).map(|(a, b)| a + b))
        };
        places = places.into_iter().flat_map(along).collect();
    }
    let layout = Layout::new(axes);
    assert_eq!(layout.len(), places.len());
    assert!(layout.reach() <= values.len());
    for some in [1, 5, 32, places.len()] {
        let mut found = vec![f32::NAN; places.len()];
        for (i, part) in found.chunks_mut(some).enumerate() {
            layout.fill(&values, i * some, part);
        }
        let expected: Vec<f32> =
            places.iter().map(|place| place.map_or(0.0, |place| values[place])).collect();
        assert_eq!(found, expected);
    }
    let gradient: Vec<f32> = (0..places.len()).map(|i| (i % 7) as f32).collect();
    let (mut sums, mut expected) = (vec![0.0; values.len()], vec![0.0; values.len()]);
    layout.add(&gradient, &mut sums, |sum, x| *sum += f64::from(x));
    for (place, x) in places.iter().zip(gradient) {
        place.iter().for_each(|&place| expected[place] += f64::from(x));
    }
    assert_eq!(sums, expected);
}

#[test]
fn values_stand_where_each_dimension_says() {
    let even = Axis::even;
    check(vec![even(2, 60), even(3, 20), even(20, 1)], 120);
    // Turned, by blocks and by the rest of one.
    check(vec![even(2, 60), even(20, 1), even(3, 20)], 120);
    check(vec![even(20, 1), even(3, 20), even(2, 60)], 120);
    check(vec![even(5, 1), even(2, 60), even(3, 20), even(4, 5)], 120);
    // By more than one square, and the rest of one.
    check(vec![even(40, 1), even(37, 40)], 1480);
    check(vec![even(2, 740), even(20, 1), even(37, 20)], 1480);
    // With zeros, cut, from behind, repeated, of every second.
    let padded = axis(&[None, Some(0), Some(20), Some(40), None, None]);
    check(vec![even(2, 60), padded.clone(), even(20, 1)], 120);
    check(vec![padded, axis(&[Some(0), None, Some(1)])], 60);
    check(vec![even(2, 60), axis(&[Some(40), Some(20), Some(0)]), even(20, 1)], 120);
    check(vec![even(6, 20), axis(&[Some(19), Some(18), Some(17), None])], 120);
    check(vec![even(2, 60), axis(&[Some(0), Some(0), Some(20), Some(20)]), even(3, 1)], 120);
    check(vec![even(2, 60), even(10, 2), axis(&[Some(1)])], 120);
    check(vec![even(4, 0), even(3, 1), even(2, 0)], 3);
    check(vec![even(4, 8), axis(&[Some(7), Some(4), Some(1)])], 32);
    check(vec![axis(&[None, None]), even(3, 1)], 3);
    check(Vec::new(), 1);
}

#[test]
fn what_stays_is_the_same() {
    assert!(Layout::new([Axis::even(2, 6), Axis::even(3, 2), Axis::even(2, 1)]).is_same(12));
    assert!(!Layout::new([Axis::even(2, 6), Axis::even(3, 2)]).is_same(6));
    assert!(!Layout::new([Axis::even(2, 1)]).is_same(3));
    assert_eq!(Layout::new([Axis::even(0, 1), Axis::even(3, 1)]).reach(), 0);
}
