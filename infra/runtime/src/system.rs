//! The whole system on one page, as `mall.rs` writes it: contexts with their aggregates and policies, and views.

mod kind;
mod policy;
mod variant;

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::{Aggregate, Asks, Document, Heard, Projection, View};

pub use kind::{CommandSchema, Decided, Deciding, Instance, Kind, Said, UnreadableCommand};
pub use policy::{Asked, Policy, PolicyError};

/// Who yields under load: supportive and general contexts before core ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Lives.
    Core,
    /// Yields first.
    Supportive,
    /// Bought or outside; yields too.
    General,
}

/// A bounded context: its aggregates and the policies that act in it.
pub struct ContextDefinition {
    name: &'static str,
    rank: Rank,
    kinds: Vec<Arc<dyn Kind>>,
    policies: Vec<Arc<Policy>>,
}

/// Starts a context; supportive until it says otherwise.
#[must_use]
pub fn context(name: &'static str) -> ContextDefinition {
    ContextDefinition {
        name,
        rank: Rank::Supportive,
        kinds: Vec::new(),
        policies: Vec::new(),
    }
}

impl ContextDefinition {
    /// It is what the business lives by.
    #[must_use]
    pub fn core(mut self) -> Self {
        self.rank = Rank::Core;
        self
    }

    /// It could be bought.
    #[must_use]
    pub fn general(mut self) -> Self {
        self.rank = Rank::General;
        self
    }

    /// An aggregate of this context.
    #[must_use]
    pub fn aggregate<A: Aggregate>(mut self) -> Self {
        self.kinds.push(kind::ours::<A>());
        self
    }

    /// An aggregate written for plain cqrs-es, which runs here unchanged.
    #[must_use]
    pub fn plain_aggregate<A>(mut self, services: A::Services) -> Self
    where
        A: cqrs_es::Aggregate + 'static,
        A::Command: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
        A::Services: 'static,
        A::Event: 'static,
    {
        self.kinds.push(kind::plain::<A>(services));
        self
    }

    /// Whenever that event, then ask this. The name is written out, because command ids and progress are made of it.
    #[must_use]
    pub fn whenever<E, A>(
        mut self,
        name: &'static str,
        policy: fn(&E, &Heard<E>) -> Asks<A>,
    ) -> Self
    where
        E: event_schemas::Event,
        A: Aggregate,
    {
        self.policies.push(Arc::new(Policy::new(name, policy)));
        self
    }

    /// The policy that was just named hears all of history when it is first registered, not only what comes after.
    ///
    /// # Panics
    /// If no policy was named before: the sentence has no subject.
    #[must_use]
    pub fn from_the_beginning(mut self) -> Self {
        let policy = self.policies.last_mut().and_then(Arc::get_mut);
        policy
            .expect("a policy was just named, and nobody shares it yet")
            .hear_from_the_beginning();
        self
    }

    /// The context's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its rank.
    #[must_use]
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Its aggregates.
    #[must_use]
    pub fn kinds(&self) -> &[Arc<dyn Kind>] {
        &self.kinds
    }

    /// Its policies, in the order they were written.
    #[must_use]
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// The aggregates its policies listen to, each once.
    #[must_use]
    pub fn listens_to(&self) -> Vec<&'static str> {
        let mut heard: Vec<_> = self
            .policies
            .iter()
            .map(|policy| policy.hears().0)
            .collect();
        heard.sort_unstable();
        heard.dedup();
        heard
    }
}

/// Everything there is.
pub struct System {
    name: &'static str,
    contexts: Vec<ContextDefinition>,
    views: Vec<Arc<dyn Projection>>,
    kinds: BTreeMap<&'static str, Arc<dyn Kind>>,
}

/// Starts a system. Its name is the store's name in `ce_source`.
#[must_use]
pub fn system(name: &'static str) -> System {
    System {
        name,
        contexts: Vec::new(),
        views: Vec::new(),
        kinds: BTreeMap::new(),
    }
}

impl System {
    /// A context of it.
    ///
    /// # Panics
    /// If an aggregate's or a policy's name is taken: a system that contradicts itself must not start.
    #[must_use]
    pub fn context(mut self, context: ContextDefinition) -> Self {
        for kind in context.kinds() {
            let taken = self.kinds.insert(kind.name(), Arc::clone(kind));
            assert!(taken.is_none(), "two aggregates are named {}", kind.name());
        }
        for policy in context.policies() {
            let taken = self
                .contexts
                .iter()
                .flat_map(ContextDefinition::policies)
                .any(|p| p.name() == policy.name());
            assert!(!taken, "two policies are named {}", policy.name());
        }
        self.contexts.push(context);
        self
    }

    /// A view of it.
    ///
    /// # Panics
    /// If that version of the view is there already.
    #[must_use]
    pub fn view<R: Document>(mut self, view: View<R>) -> Self {
        let view: Arc<dyn Projection> = Arc::new(view);
        let taken = self
            .views
            .iter()
            .any(|v| (v.name(), v.version()) == (view.name(), view.version()));
        assert!(
            !taken,
            "two views are named {} version {}",
            view.name(),
            view.version()
        );
        self.views.push(view);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its contexts.
    #[must_use]
    pub fn contexts(&self) -> &[ContextDefinition] {
        &self.contexts
    }

    /// Its views.
    #[must_use]
    pub fn views(&self) -> &[Arc<dyn Projection>] {
        &self.views
    }

    /// An aggregate by its name.
    #[must_use]
    pub fn kind(&self, aggregate: &str) -> Option<&Arc<dyn Kind>> {
        self.kinds.get(aggregate)
    }

    /// All aggregates by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn Kind>> {
        self.kinds.values()
    }

    /// The names of all streams' aggregates, `command` included: one topic each.
    pub fn aggregates(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied().chain(["command"])
    }
}
