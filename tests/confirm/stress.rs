//! Two agents with two tables, killed at random with and without their second processes.

use crate::{
    agents::{Agent, kill_watchdogs},
    mended,
    sandboxed::Outcome,
};
use oxitables::*;
use std::{
    collections::BTreeMap,
    env,
    hash::{BuildHasher, RandomState},
    thread,
    time::Duration,
};

/// How many rounds, and where the dice begin, for a run that is longer or the same once more.
const ROUNDS: &str = "OXITABLES_STRESS_ROUNDS";
const SEED: &str = "OXITABLES_STRESS_SEED";

/// Splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % most
    }
}

/// What an agent was told of a change, and what it said.
#[derive(Debug)]
enum Fate {
    /// It waits: as number so much.
    Made(usize),
    Kept,
    /// Not made, or undone.
    Gone,
    /// It was killed while it confirmed.
    Open,
}

/// An agent and its changes by name, with the tables that they are in.
struct Player {
    agent: Agent,
    made: usize,
    changes: BTreeMap<String, (&'static str, Fate)>,
}

impl Player {
    fn new(dice: &mut Dice) -> Self {
        let agent = if dice.below(2) == 0 { Agent::start() } else { Agent::contained() };
        Self { agent, made: 0, changes: BTreeMap::new() }
    }

    /// Tells it something; what it says comes later.
    fn tell(&mut self, dice: &mut Dice, name: String) -> (String, String) {
        let waiting = self.changes.iter().find_map(|(name, (_, fate))| match fate {
            Fate::Made(n) => Some((name.clone(), *n)),
            _ => None,
        });
        let (name, order) = match waiting {
            Some((name, n)) if dice.below(3) > 0 => {
                (name, format!("{} {n}", ["confirm", "confirm", "undo", "drop"][dice.below(4) as usize]))
            }
            _ => {
                let table = ["a", "b"][dice.below(2) as usize];
                let deadline = [1, 30, 600_000][dice.below(3) as usize];
                self.changes.insert(name.clone(), (table, Fate::Gone));
                let order = format!("change {table} {name} {deadline}");
                (name, order)
            }
        };
        self.agent.tell(&order);
        (name, order)
    }

    /// Notes what it said; nothing if it was killed.
    fn hear(&mut self, (name, order): &(String, String), said: &str) {
        let fate = match (order.split(' ').next().unwrap_or_default(), said) {
            ("change", "ok") => {
                self.made += 1;
                Fate::Made(self.made - 1)
            }
            ("confirm", "ok") => Fate::Kept,
            ("confirm", "") => Fate::Open,
            _ => Fate::Gone,
        };
        if let Some((_, known)) = self.changes.get_mut(name) {
            *known = fate;
        }
    }
}

pub fn killed_at_random_it_is_as_was_said() -> Outcome {
    let rounds = env::var(ROUNDS).ok().map_or(8, |rounds| rounds.parse().unwrap());
    let seed = env::var(SEED).ok().map_or_else(|| RandomState::new().hash_one(0), |seed| seed.parse().unwrap());
    let mut dice = Dice(seed);
    let mut nft = Client::open()?;
    let tables = ["a", "b"].map(|name| Table::new(Family::Inet, name));
    let (mut killed, mut kept, mut refused) = (0, 0, 0);
    for round in 0..rounds {
        nft.apply(Batch::new().flush_ruleset(None).add(&tables[0]).add(&tables[1]))?;
        let mut players = [Player::new(&mut dice), Player::new(&mut dice)];
        for step in 0..6 {
            let told: Vec<_> = players
                .iter_mut()
                .enumerate()
                .map(|(who, player)| player.tell(&mut dice, format!("c{who}_{step}")))
                .collect();
            let victim = dice.below(6) as usize;
            if victim < 4 && step > 1 {
                thread::sleep(Duration::from_micros(dice.below(20_000)));
                let agent = &mut players[victim % 2].agent;
                if victim < 2 || dice.below(2) == 0 {
                    kill_watchdogs(agent.process.id());
                }
                if victim < 2 || dice.below(2) == 0 {
                    killed += 1;
                    agent.kill();
                }
            }
            for (player, order) in players.iter_mut().zip(&told) {
                let said = player.agent.says();
                refused += usize::from(said.starts_with("pending: "));
                player.hear(order, &said);
            }
            if players.iter_mut().any(|player| !matches!(player.agent.process.try_wait(), Ok(None))) {
                break;
            }
        }
        let players = players.map(|Player { mut agent, changes, .. }| {
            agent.kill();
            let _ = agent.process.wait();
            changes
        });
        mended(&mut nft)?;
        for (name, (table, fate)) in players.iter().flatten() {
            let there = nft.chain(&Table::new(Family::Inet, *table), name.as_str())?.is_some();
            let right = match fate {
                Fate::Kept => there,
                Fate::Open => true,
                Fate::Gone | Fate::Made(_) => !there,
            };
            kept += usize::from(there);
            assert!(right, "round {round} of seed {seed}: {table} {name} is there: {there}; {players:?}");
        }
    }
    println!("{rounds} rounds of seed {seed}: {killed} agents killed, {kept} changes kept, {refused} refused");
    Ok(())
}
