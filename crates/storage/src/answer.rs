//! An answer that may be there already: a memory hit must not cost a boxed future.

use std::{fmt, future::Future, panic, pin::Pin};

/// What a [`crate::Store`] answers with.
pub enum Answer<T> {
    /// It is here.
    Now(T),
    /// It must be waited for.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> Answer<T> {
    /// What `change` makes of the answer.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Answer<U>
    where
        T: 'static,
    {
        match self {
            Answer::Now(value) => Answer::Now(change(value)),
            Answer::Later(future) => Answer::Later(Box::pin(async { change(future.await) })),
        }
    }

    /// The answer, waited for if need be.
    pub async fn get(self) -> T {
        match self {
            Answer::Now(value) => value,
            Answer::Later(future) => future.await,
        }
    }
}

impl<T: Send + 'static> Answer<T> {
    /// What `work` answers, which may wait for a disk: on a thread that the runtime has for that.
    pub(crate) fn of_thread(work: impl FnOnce() -> T + Send + 'static) -> Self {
        Answer::Later(Box::pin(async move {
            match tokio::task::spawn_blocking(work).await {
                Ok(value) => value,
                Err(error) => match error.try_into_panic() {
                    Ok(panicked) => panic::resume_unwind(panicked),
                    // The process is about to end, and whoever waits here with it.
                    Err(_) => std::future::pending().await,
                },
            }
        }))
    }
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Now(value) => f.debug_tuple("Now").field(value).finish(),
            Answer::Later(_) => f.write_str("Later"),
        }
    }
}
