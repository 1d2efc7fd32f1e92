//! Work that cannot look at an interrupt itself: parsing and lowering a text, or reading it as TOML.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::error::Result;
use crate::evaluator::Evaluator;

/// How often an interrupt is looked at meanwhile.
const PATIENCE: Duration = Duration::from_millis(1);

impl Evaluator<'_> {
    /// Runs `work` on a thread of its own, if one can be started: when the evaluation is to end, the thread is
    /// left behind and works to its end for nobody.
    pub(crate) fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Clone + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let own = work.clone();
        // Nobody may be there any more.
        let own = move || drop(sender.send(own()));
        let Ok(thread) = thread::Builder::new().name("large text".into()).spawn(own) else {
            return Ok(work());
        };
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Timeout) => self.check_interrupt()?,
                Err(RecvTimeoutError::Disconnected) => match thread.join() {
                    Err(panic) => std::panic::resume_unwind(panic),
                    Ok(()) => unreachable!("a thread that ends well has sent its result"),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::Ordering;

    use crate::error::ErrorKind;
    use crate::evaluator::LARGE_TEXT as LARGE;
    use crate::settings::Settings;
    use crate::tests::with_evaluator;

    #[test]
    fn a_large_text_is_as_any_other_and_can_be_left() {
        let settings = Settings { ends_at_once: true, ..Settings::default() };
        with_evaluator(settings, |evaluator| {
            let text = format!("builtins.length [ {} ]", "1 ".repeat(LARGE));
            let length = evaluator.eval_text(&text, Path::new("/")).expect("it is right");
            assert_eq!(evaluator.print(length).expect("a number"), LARGE.to_string());
            let wrong = format!("{text} )");
            let error = evaluator.eval_text(&wrong, Path::new("/")).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SyntaxError);
            evaluator.settings.interrupt.store(true, Ordering::Relaxed);
            let error = evaluator.eval_text(&text, Path::new("/")).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
        });
    }
}
