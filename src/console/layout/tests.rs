use super::*;

fn shapes(size: (u16, u16)) -> impl Iterator<Item = Shape> {
    Pane::ALL.into_iter().flat_map(move |focus| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(zoomed, log_hidden)| {
            Shape {
                at_rest: size.0.is_multiple_of(2),
                size,
                focus,
                zoomed,
                log_hidden: log_hidden && focus != Pane::Logs,
            }
        })
    })
}

#[test]
fn every_screen_is_filled_without_overlap() {
    let edges = [60, 83, 84, 117, 118, 119, 300, 400];
    for width in edges.into_iter().chain((61..300).step_by(37)) {
        for height in [16, 19, 20, 24, 27, 28, 33, 34, 35, 50, 80, 119] {
            for shape in shapes((width, height)) {
                let Arrangement::Panes(places) = arrange(shape) else {
                    panic!("{width}x{height} has room for panes");
                };
                assert!(places.ladder.height >= 1);
                assert!(places.pane(shape.focus).is_some(), "{shape:?}");
                assert_eq!(places.header.height, 1);
                assert_eq!(places.footer.height, 1);
                if shape.zoomed {
                    assert_eq!(places.panes.len(), 1);
                }
                if shape.log_hidden {
                    assert!(places.pane(Pane::Logs).is_none(), "{shape:?}");
                }
                let mut rects: Vec<Rect> = places.panes.iter().map(|(_, r)| *r).collect();
                assert!(rects.iter().all(|r| r.height >= 3), "{shape:?} {rects:?}");
                rects.extend([places.header, places.ladder, places.footer]);
                rects.extend(places.tabs);
                let cells: u32 = rects.iter().map(|r| r.area()).sum();
                assert_eq!(cells, u32::from(width) * u32::from(height));
            }
        }
    }
}

#[test]
fn panes_fill_a_large_screen() {
    let shape = Shape {
        size: (300, 80),
        focus: Pane::Environments,
        zoomed: false,
        log_hidden: false,
        at_rest: false,
    };
    let Arrangement::Panes(places) = arrange(shape) else {
        panic!("a screen of 300x80 has room for panes");
    };
    let at_rest = Shape {
        at_rest: true,
        ..shape
    };
    let Arrangement::Panes(places_at_rest) = arrange(at_rest) else {
        panic!("a screen of 300x80 has room for panes");
    };
    assert_eq!(places_at_rest.ladder.height, places.ladder.height + 7);
    let place = |pane| places.pane(pane).expect("all panes are shown");
    assert!(place(Pane::Environments).width >= 90);
    assert!(place(Pane::Environments).height >= 22);
    assert!(place(Pane::Logs).height >= 30);
}
