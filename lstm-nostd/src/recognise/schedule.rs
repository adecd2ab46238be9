//! Which state advances, begins anew and answers at a step.
//!
//! With windows, state s begins at steps s·hop + k·S·hop, k = 0, 1, …, of S = ⌈steps / hop⌉ states, and is idle
//! between its window's end and its next beginning. At most one window ends at a step.

use super::States;

/// The states' place in their rotation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    states: States,
    /// With windows, steps since state 0 began; else steps since the last reset.
    position: u32,
    /// With windows, whether state 0 has begun only once, so that later states may not have begun yet.
    is_first_round: bool,
    /// With one running state: the age at which it answers next.
    next_answer: u32,
}

impl Schedule {
    /// Before the first step. The settings were checked.
    pub(super) fn new(states: States) -> Self {
        Self {
            states,
            position: 0,
            is_first_round: true,
            next_answer: match states {
                States::Windows { steps, .. } => steps,
                States::Running { warm_up, .. } => warm_up,
            },
        }
    }

    /// Steps that `state` has taken since its reset, when the next step comes; `None` if it is idle. Settings were
    /// checked, so that no sum is over 2²⁶.
    pub(super) fn age(&self, state: usize) -> Option<u32> {
        let States::Windows { steps, hop } = self.states else {
            return (state == 0).then_some(self.position);
        };
        let begin = (state as u32).wrapping_mul(hop);
        let age = match self.position.checked_sub(begin) {
            Some(age) => age,
            None if self.is_first_round => return None,
            None => {
                let round = self.round(steps, hop);
                self.position.wrapping_add(round).wrapping_sub(begin)
            }
        };
        (age < steps).then_some(age)
    }

    /// Whether a state of this age answers after its step.
    pub(super) fn answers_at(&self, age: u32) -> bool {
        age.wrapping_add(1) == self.next_answer
    }

    /// Goes on to the next step.
    pub(super) fn advance(&mut self, is_answer: bool, is_event: bool) {
        self.position = self.position.saturating_add(1);
        match self.states {
            States::Windows { steps, hop } => {
                if self.position == self.round(steps, hop) {
                    self.position = 0;
                    self.is_first_round = false;
                }
            }
            States::Running {
                warm_up,
                every,
                reset_after,
                reset_on_event,
            } => {
                if is_answer {
                    self.next_answer = self.next_answer.wrapping_add(every);
                }
                let is_due = reset_after != 0 && self.position == reset_after;
                if is_due || (is_event && reset_on_event) {
                    (self.position, self.next_answer) = (0, warm_up);
                } else if reset_after == 0 && self.position > warm_up {
                    // Ages need not grow for ever: only the distance to the next answer counts, and that it is no
                    // fresh state.
                    let beyond = self.position.wrapping_sub(warm_up);
                    self.position = self.position.wrapping_sub(beyond);
                    self.next_answer = self.next_answer.wrapping_sub(beyond);
                }
            }
        }
    }

    /// Steps from one beginning of state 0 to the next.
    fn round(&self, steps: u32, hop: u32) -> u32 {
        // Settings were checked, so that hop is not 0.
        let states = steps.wrapping_add(hop).wrapping_sub(1) / hop.max(1);
        states.wrapping_mul(hop)
    }
}
