//! Whoever asks the mall over HTTP: tries every door, asks again under the same id until there is an answer, and
//! remembers every answer for the laws.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::sync::watch;

use crate::wait::eventually;
use crate::wish::Wish;

/// How long one attempt may take: longer than the mall's own deadline.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(15);
/// How long a wish may go unanswered: a server that is killed is back much sooner.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);

/// What the mall said to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Value,
    /// The header `Position`.
    pub position: Option<u64>,
}

impl Answer {
    /// It left a fact: said something, changed nothing, or was refused by the aggregate.
    #[must_use]
    pub fn left_a_fact(&self) -> bool {
        matches!(self.status, 200 | 201) || (self.status == 422 && !self.body["position"].is_null())
    }

    /// The position of the (last) fact.
    ///
    /// # Panics
    /// If it left none.
    #[must_use]
    pub fn fact(&self) -> u64 {
        self.body["position"]
            .as_u64()
            .unwrap_or_else(|| panic!("no position in {self:?}"))
    }

    /// The problem's type.
    #[must_use]
    pub fn problem(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    /// The names of the events it led to.
    #[must_use]
    pub fn events(&self) -> Vec<&str> {
        let events = self.body["events"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        events
            .iter()
            .map(|event| event["type"].as_str().unwrap_or_default())
            .collect()
    }

    /// The same, insisting on a status.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    pub fn must_be(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

/// The doors of a mall and what was said at them.
pub struct Shop {
    client: Client,
    doors: RwLock<Vec<String>>,
    turn: AtomicUsize,
    told: Mutex<Vec<(Wish, Answer)>>,
    count: watch::Sender<usize>,
}

impl Shop {
    /// A shop with these doors, taken in turn.
    pub fn at<'u>(doors: impl IntoIterator<Item = &'u str>) -> Self {
        Self {
            client: Client::builder()
                .timeout(ATTEMPT_LIMIT)
                .build()
                .expect("an HTTP client"),
            doors: RwLock::new(doors.into_iter().map(str::to_owned).collect()),
            turn: AtomicUsize::new(0),
            told: Mutex::new(Vec::new()),
            count: watch::Sender::new(0),
        }
    }

    /// From now on there are these doors.
    pub fn move_to<'u>(&self, doors: impl IntoIterator<Item = &'u str>) {
        *self.doors.write().expect("doors") = doors.into_iter().map(str::to_owned).collect();
    }

    /// Asks until there is an answer, at each door in turn, under the same id.
    pub async fn ask(&self, wish: &Wish) -> Answer {
        eventually(&format!("an answer to {wish:?}"), ANSWER_LIMIT, || async {
            self.ask_once(&self.next_door(), wish).await
        })
        .await
    }

    /// Asks at one door, once.
    ///
    /// # Errors
    /// If there was no answer, or one that says to ask again.
    pub async fn ask_once(&self, door: &str, wish: &Wish) -> Result<Answer, String> {
        let answer = self.send(self.request(door, wish)).await?;
        if answer.status == 503 {
            return Err(format!("503 {}", answer.body));
        }
        self.told
            .lock()
            .expect("answers")
            .push((wish.clone(), answer.clone()));
        self.count.send_modify(|count| *count += 1);
        Ok(answer)
    }

    /// The request of a wish, to be sent by hand.
    pub fn request(&self, door: &str, wish: &Wish) -> RequestBuilder {
        let Wish {
            aggregate,
            id,
            command,
            ..
        } = wish;
        let mut request = self
            .client
            .post(format!("{door}/commands/{aggregate}/{id}/{command}"))
            .header("Idempotency-Key", wish.key.to_string())
            .header("Actor", &wish.actor)
            .json(&wish.body);
        if let Some(version) = wish.expected_version {
            request = request.header("Expected-Version", version.to_string());
        }
        request
    }

    /// Sends a request and reads what comes.
    ///
    /// # Errors
    /// If nothing came, or no JSON.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, String> {
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status().as_u16();
        let position = answer
            .headers()
            .get("Position")
            .and_then(|text| text.to_str().ok()?.parse().ok());
        let body = answer
            .json()
            .await
            .map_err(|error| format!("{status} and then {error:?}"))?;
        Ok(Answer {
            status,
            body,
            position,
        })
    }

    /// GETs JSON from whichever door answers.
    ///
    /// # Panics
    /// If none does, or with another status than 200.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_at(path, None).await.must_be(200)
    }

    /// GETs JSON no older than a position; whatever status there is, but for 503 and 504.
    pub async fn get_at(&self, path: &str, position: Option<u64>) -> Answer {
        eventually(
            &format!("an answer to GET {path}"),
            ANSWER_LIMIT,
            || async {
                let mut request = self.client.get(format!("{}{path}", self.next_door()));
                if let Some(position) = position {
                    request = request.header("Min-Position", position.to_string());
                }
                match self.send(request).await? {
                    answer @ Answer {
                        status: 503 | 504, ..
                    } => Err(format!("{answer:?}")),
                    answer => Ok(answer),
                }
            },
        )
        .await
    }

    /// Every answer so far, with what was asked.
    ///
    /// # Panics
    /// Never: nobody panics while holding them.
    #[must_use]
    pub fn told(&self) -> Vec<(Wish, Answer)> {
        self.told.lock().expect("answers").clone()
    }

    /// Waits until so many more commands have been answered.
    pub async fn answers_more(&self, more: usize) {
        let mut count = self.count.subscribe();
        let enough = *count.borrow() + more;
        let enough_came = count.wait_for(|count| *count >= enough);
        // What it gives is a lock: kept until the next look, it would shut both out behind whoever counts on.
        let waited = tokio::time::timeout(ANSWER_LIMIT, enough_came)
            .await
            .map(drop);
        let reached = *self.count.borrow();
        assert!(
            waited.is_ok(),
            "{reached} of {enough} commands were answered within {ANSWER_LIMIT:?}"
        );
    }

    fn next_door(&self) -> String {
        let doors = self.doors.read().expect("doors");
        doors[self.turn.fetch_add(1, Ordering::Relaxed) % doors.len()].clone()
    }
}
