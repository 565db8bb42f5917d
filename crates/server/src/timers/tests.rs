use super::*;

const fn s(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Idle since second 5, at the default limits.
fn view(stage: Stage) -> View {
    View {
        stage,
        phase: Phase::Serving,
        active: 0,
        used: true,
        idle: s(5),
        head: None,
        request: None,
        untaken: None,
        blocked: None,
        closing: None,
        linger: None,
    }
}

fn due(view: &View) -> Option<(Duration, Action)> {
    next(view, &Limits::default())
}

#[test]
fn an_idle_connection_finishes_after_the_idle_timeout() {
    for stage in [Stage::Sniff, Stage::Http1, Stage::Http2] {
        assert_eq!(due(&view(stage)), Some((s(65), Action::Finish)));
    }
}

#[test]
fn a_started_head_counts_from_its_first_byte() {
    let view = View {
        head: Some(s(20)),
        ..view(Stage::Http1)
    };
    assert_eq!(due(&view), Some((s(30), Action::Cut)));
}

#[test]
fn a_request_is_cut_at_its_own_timeout_and_not_as_idle() {
    let one = View {
        active: 1,
        request: Some(s(6)),
        ..view(Stage::Http1)
    };
    assert_eq!(due(&one), Some((s(3_606), Action::Cut)));
    let streams = View {
        active: 3,
        ..view(Stage::Http2)
    };
    assert_eq!(due(&streams), None, "each stream has its own timer");
}

#[test]
fn what_is_not_taken_is_cut() {
    let socket = View {
        active: 1,
        request: Some(s(6)),
        blocked: Some(s(7)),
        ..view(Stage::Http1)
    };
    assert_eq!(due(&socket), Some((s(37), Action::Cut)));
    let window = View {
        active: 2,
        untaken: Some(s(8)),
        ..view(Stage::Http2)
    };
    assert_eq!(due(&window), Some((s(38), Action::Cut)));
    let tail = View {
        blocked: Some(s(64)),
        ..view(Stage::Http1)
    };
    assert_eq!(
        due(&tail),
        Some((s(94), Action::Cut)),
        "the tail of a response is not idleness"
    );
}

#[test]
fn a_handshake_has_its_own_timeout() {
    assert_eq!(due(&view(Stage::Handshake)), Some((s(10), Action::Cut)));
}

#[test]
fn upgraded_connections_are_cut_only_when_they_take_nothing() {
    let quiet = View {
        phase: Phase::Draining(s(9)),
        ..view(Stage::Upgraded)
    };
    assert_eq!(due(&quiet), None);
    assert_eq!(
        due(&View {
            blocked: Some(s(9)),
            ..quiet
        }),
        Some((s(39), Action::Cut))
    );
}

#[test]
fn a_drain_finishes_what_is_in_use_at_once_and_gives_fresh_connections_a_moment() {
    let draining = View {
        phase: Phase::Draining(s(50)),
        ..view(Stage::Http1)
    };
    let now = Some((Duration::ZERO, Action::Finish));
    assert_eq!(due(&draining), now);
    assert_eq!(
        due(&View {
            active: 1,
            ..draining
        }),
        now
    );

    let fresh = View {
        used: false,
        ..draining
    };
    assert_eq!(due(&fresh), Some((s(50) + FRESH_GRACE, Action::Finish)));

    let coming = View {
        head: Some(s(49)),
        ..draining
    };
    assert_eq!(
        due(&coming),
        Some((s(59), Action::Cut)),
        "a head under way is not thrown away"
    );

    let told = View {
        closing: Some(s(50)),
        active: 1,
        request: Some(s(1)),
        ..draining
    };
    assert_eq!(
        due(&told),
        Some((s(3_601), Action::Cut)),
        "told once, then left to finish"
    );
}

#[test]
fn turning_away_sends_goaway_once_a_client_has_been_served() {
    let away = View {
        phase: Phase::Away,
        ..view(Stage::Http2)
    };
    assert_eq!(due(&away), Some((Duration::ZERO, Action::Finish)));
    let fresh = View {
        used: false,
        ..away
    };
    assert_eq!(due(&fresh), Some((s(65), Action::Finish)));
    let http1 = View {
        stage: Stage::Http1,
        ..away
    };
    assert_eq!(due(&http1), Some((s(65), Action::Finish)));
}

#[test]
fn a_connection_that_was_told_to_finish_is_cut_when_it_does_not() {
    let told = View {
        closing: Some(s(65)),
        ..view(Stage::Http2)
    };
    assert_eq!(due(&told), Some((s(95), Action::Cut)));
    let unused = View {
        used: false,
        ..told
    };
    assert_eq!(due(&unused), Some((s(65) + LINGER, Action::Cut)));
    let lingering = View {
        linger: Some(s(66)),
        ..told
    };
    assert_eq!(due(&lingering), Some((s(66) + LINGER, Action::Cut)));
}
