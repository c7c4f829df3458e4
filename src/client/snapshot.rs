//! Everything at once.

use super::{
    Client,
    beside::pause,
    list::{GETCHAIN, GETFLOWTABLE, GETOBJ, GETRULE, GETSET, GETTABLE, QUICK},
};
use crate::{
    data::Family,
    error::{Error, Result},
    model::{Chain, FilledSet, Flowtable, Object, Rule, Ruleset, Set, Table},
    reconcile::Wanted,
    wire::DecodeError,
};

impl Client {
    /// Everything that the kernel holds, of one generation; read again if the ruleset changes
    /// meanwhile.
    ///
    /// What packets change (counters, learned elements) is as it was when it was read.
    ///
    /// ```no_run
    /// # use oxitables::Client;
    /// let mut nft = Client::open()?;
    /// let all = nft.ruleset()?;
    /// println!("{} rules in {} tables", all.rules.len(), all.tables.len());
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Interrupted`] if it kept changing; [`Error::Malformed`] if something does not
    /// decode; [`Error::Request`] without privilege.
    pub fn ruleset(&mut self) -> Result<Ruleset> {
        self.all_at_once(true)
    }

    /// The same without elements, of which there may be very many.
    #[cfg(feature = "json")]
    pub(crate) fn outline(&mut self) -> Result<Ruleset> {
        self.all_at_once(false)
    }

    fn all_at_once(&mut self, elements: bool) -> Result<Ruleset> {
        match self.consistent(QUICK, |client, ruleset| client.fill(ruleset, elements)) {
            Err(Error::Interrupted { .. }) => {
                self.tables_at_once(None, &|_| if elements { Wanted::All } else { Wanted::Nothing })
            }
            all => all,
        }
    }

    /// What `fill` reads, of one generation.
    pub(super) fn consistent(
        &mut self,
        attempts: u32,
        mut fill: impl FnMut(&mut Self, &mut Ruleset) -> Result<()>,
    ) -> Result<Ruleset> {
        for attempt in 0..attempts {
            if attempt > 0 {
                std::thread::sleep(pause(attempt));
            }
            let before = self.generation()?;
            // A commit that raised the generation may still be unlinking what it deleted.
            self.wait_for_commits()?;
            let mut ruleset = Ruleset::new(before);
            match fill(self, &mut ruleset) {
                Ok(()) if self.generation()? == before => return Ok(ruleset),
                // A set that was listed may be gone when its elements are asked for.
                Err(error) if !matches!(error, Error::Interrupted { .. }) && self.generation()? == before => {
                    return Err(error);
                }
                _ => {}
            }
        }
        Err(Error::Interrupted { what: "list ruleset".into() })
    }

    fn fill(&mut self, ruleset: &mut Ruleset, elements: bool) -> Result<()> {
        ruleset.tables = self.all(GETTABLE, "tables", Table::decode_attrs)?;
        ruleset.chains = self.all(GETCHAIN, "chains", Chain::decode_attrs)?;
        ruleset.rules = self.all(GETRULE, "rules", Rule::decode_attrs)?;
        ruleset.objects = self.all(GETOBJ, "objects", Object::decode_attrs)?;
        ruleset.flowtables = self.all(GETFLOWTABLE, "flowtables", Flowtable::decode_attrs)?;
        for set in self.all(GETSET, "sets", Set::decode_attrs)? {
            let listing = |client: &mut Self| client.elements(&set).guarded(Some(&set)).snapshot();
            let elements = if elements { listing(self)? } else { Vec::new() };
            ruleset.sets.push(FilledSet::new(set, elements));
        }
        Ok(())
    }

    /// What there is of a kind in all tables.
    fn all<T>(&mut self, kind: u8, what: &str, decode: fn(Family, &[u8]) -> Result<T, DecodeError>) -> Result<Vec<T>> {
        self.listing(kind, None, Vec::new(), what.into(), decode, |_| true).guarded(None).snapshot()
    }
}
