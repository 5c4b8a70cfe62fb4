#include "dspy/registry/registry.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"
#include "dspy/storage/database.hpp"
#include "registry/lineage.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <utility>

namespace dspy {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr std::string_view schema = R"(
CREATE TABLE objects (digest TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE versions (
  name TEXT NOT NULL, number INTEGER NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL REFERENCES objects (digest),
  parent INTEGER, lineage TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (name, number), UNIQUE (name, digest)) WITHOUT ROWID;
CREATE TABLE aliases (
  name TEXT NOT NULL, alias TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (name, alias)) WITHOUT ROWID;
CREATE TABLE events (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, alias TEXT NOT NULL, old INTEGER, new INTEGER, reason TEXT NOT NULL,
  at INTEGER NOT NULL);
CREATE INDEX events_by_name ON events (name, id);
CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'history is only added to'); END;
CREATE TRIGGER versions_are_kept BEFORE DELETE ON versions BEGIN SELECT RAISE(ABORT, 'versions are kept'); END;
)";

std::int64_t to_number(Time time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}
Time to_time(std::int64_t number) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::microseconds(number)));
}

void check_name(std::string_view what, std::string_view name) {
  const bool fits = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (fits) return;
  throw Error(Errc::bad_input, std::format("`{}` is not a valid {}; use letters, digits, `-`, `_` and `.`",
                                           text::invalid_utf8(name) ? "(not UTF-8)" : name, what));
}

}  // namespace

class Registry::State {
 public:
  State(const std::filesystem::path& path, Now given)
      : database(path, {.migrations = {std::string(schema)}, .purpose = "registry"}), now(std::move(given)) {
    if (!now) now = [] { return std::chrono::system_clock::now(); };
  }

  std::vector<ProgramVersion> select(std::string_view where, const std::string& name, std::int64_t number = 0) {
    auto rows = database.prepare(
        std::format("SELECT number, version, digest, parent, lineage, created_at FROM versions WHERE name = ?1 AND {} "
                    "ORDER BY number",
                    where));
    rows.bind_text(1, name);
    if (number != 0) rows.bind(2, number);
    std::vector<ProgramVersion> out;
    while (rows.step()) {
      out.push_back({.name = name,
                     .number = rows.integer(0),
                     .version = parse_version(rows.bytes(1)),
                     .digest = std::string(rows.bytes(2)),
                     .parent = rows.optional_integer(3),
                     .lineage = lineage_of(rows.bytes(4)),
                     .created_at = to_time(rows.integer(5))});
    }
    return out;
  }

  void tell(const std::string& name, const std::string& alias, std::optional<std::int64_t> from,
            std::optional<std::int64_t> to, const std::string& reason) {
    auto row =
        database.prepare("INSERT INTO events (name, alias, old, new, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    row.bind_text(1, name).bind_text(2, alias).bind(3, from).bind(4, to).bind_text(5, reason).bind(6, to_number(now()));
    row.run();
  }

  storage::Database database;
  Now now;
};

Registry::Registry(const std::filesystem::path& path, Now now)
    : state_(std::make_unique<State>(path, std::move(now))) {}
Registry::~Registry() = default;

ProgramVersion Registry::add(const std::string& name, const ProgramFile& program, const Lineage& lineage,
                             std::optional<std::int64_t> parent) {
  check_name("name of a program", name);
  const auto content = to_text(program);
  const auto digest = sha256(content);
  ProgramVersion made;
  state_->database.transaction([&] {
    const auto known = versions(name);
    const auto same = std::ranges::find(known, digest, &ProgramVersion::digest);
    if (same != known.end()) {
      made = *same;
      return;
    }
    made = {.name = name, .number = static_cast<std::int64_t>(known.size()) + 1, .digest = digest, .lineage = lineage};
    made.created_at = to_time(to_number(state_->now()));
    if (parent) {
      if (*parent < 1 || *parent > static_cast<std::int64_t>(known.size()))
        throw Error(Errc::bad_input, std::format("`{}` has no version {} to descend from", name, *parent));
      made.parent = parent;
    } else if (!known.empty()) {
      made.parent = known.back().number;
    }
    if (made.parent) {
      const auto& before = known[static_cast<std::size_t>(*made.parent - 1)];
      // Versions only grow, whichever one this descends from.
      auto base = before.version;
      for (const auto& each : known) base = std::max(base, each.version);
      made.version = next_version(base, interface_of(load(before)), interface_of(program));
    }
    auto object = state_->database.prepare("INSERT OR IGNORE INTO objects (digest, content) VALUES (?1, ?2)");
    object.bind_text(1, digest).bind_text(2, content);
    object.run();
    auto row = state_->database.prepare(
        "INSERT INTO versions (name, number, version, digest, parent, lineage, created_at) VALUES (?1, ?2, ?3, ?4, ?5, "
        "?6, ?7)");
    row.bind_text(1, name).bind(2, made.number).bind_text(3, to_string(made.version)).bind_text(4, digest);
    row.bind(5, made.parent).bind_text(6, dspy::to_text(to_json(lineage))).bind(7, to_number(made.created_at));
    row.run();
    state_->tell(name, "", {}, made.number, "added");
  });
  return made;
}

std::vector<std::string> Registry::names() const {
  auto rows = state_->database.prepare("SELECT DISTINCT name FROM versions ORDER BY name");
  std::vector<std::string> out;
  while (rows.step()) out.emplace_back(rows.bytes(0));
  return out;
}

std::vector<ProgramVersion> Registry::versions(const std::string& name) const {
  return state_->select("TRUE", name);
}

ProgramVersion Registry::find(std::string_view reference) const {
  const auto at = reference.find_first_of(":@");
  const std::string name(reference.substr(0, at));
  const auto all = versions(name);
  if (all.empty()) {
    const auto known = names();
    throw Error(Errc::bad_input, std::format("the registry has no program `{}`; it has {}", name,
                                             known.empty() ? "none" : text::enumerate(known, "`", "and")));
  }
  if (at == std::string_view::npos) return all.back();
  const auto wanted = reference.substr(at + 1);
  if (reference[at] == '@') {
    const auto number = alias(name, std::string(wanted));
    if (!number) throw Error(Errc::bad_input, std::format("`{}` has no alias `{}`", name, wanted));
    return all.at(static_cast<std::size_t>(*number - 1));
  }
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  const bool is_number = code == std::errc() && end == wanted.data() + wanted.size();
  for (const auto& each : all) {
    if (is_number ? each.number == number : to_string(each.version) == wanted) return each;
  }
  throw Error(Errc::bad_input, std::format("`{}` has no version `{}`; the newest is {} ({})", name, wanted,
                                           all.back().number, to_string(all.back().version)));
}

ProgramFile Registry::load(const ProgramVersion& version) const {
  auto row = state_->database.prepare("SELECT content FROM objects WHERE digest = ?1");
  row.bind_text(1, version.digest);
  if (!row.step() || sha256(row.bytes(0)) != version.digest) {
    throw Error(Errc::io_error, std::format("the registry's copy of `{}` version {} is missing or was changed; restore "
                                            "the file from a backup",
                                            version.name, version.number));
  }
  return read_program(row.bytes(0), {}, std::format("{}:{}", version.name, version.number));
}

std::optional<std::int64_t> Registry::alias(const std::string& name, const std::string& alias) const {
  auto row = state_->database.prepare("SELECT number FROM aliases WHERE name = ?1 AND alias = ?2");
  row.bind_text(1, name).bind_text(2, alias);
  if (!row.step()) return std::nullopt;
  return row.integer(0);
}

std::vector<std::pair<std::string, std::int64_t>> Registry::aliases(const std::string& name) const {
  auto rows = state_->database.prepare("SELECT alias, number FROM aliases WHERE name = ?1 ORDER BY alias");
  rows.bind_text(1, name);
  std::vector<std::pair<std::string, std::int64_t>> out;
  while (rows.step()) out.emplace_back(rows.bytes(0), rows.integer(1));
  return out;
}

void Registry::move_alias(const std::string& name, const std::string& alias, std::optional<std::int64_t> expected,
                          std::int64_t to, const std::string& reason) {
  check_name("alias", alias);
  state_->database.transaction([&] {
    if (state_->select("number = ?2", name, to).empty())
      throw Error(Errc::bad_input, std::format("`{}` has no version {} for `{}` to name", name, to, alias));
    const auto now = this->alias(name, alias);
    if (now != expected) {
      throw Error(Errc::config_error,
                  std::format("`{}@{}` {} and not {}: it was moved in the meantime; check before you move it", name,
                              alias, now ? std::format("names version {}", *now) : "names nothing",
                              expected ? std::format("version {}", *expected) : "nothing"));
    }
    auto row = state_->database.prepare("INSERT OR REPLACE INTO aliases (name, alias, number) VALUES (?1, ?2, ?3)");
    row.bind_text(1, name).bind_text(2, alias).bind(3, to);
    row.run();
    state_->tell(name, alias, expected, to, reason);
  });
}

std::int64_t Registry::rollback(const std::string& name, const std::string& alias, int steps,
                                const std::string& reason) {
  // A rollback takes the last move off this list, so that two of them go back by two.
  std::vector<std::int64_t> moves;
  for (const auto& event : history(name)) {
    if (event.alias != alias || !event.to) continue;
    if (event.reason.starts_with("rollback") && moves.size() > 1 && std::ranges::contains(moves, *event.to)) {
      while (moves.back() != *event.to) moves.pop_back();
    } else {
      moves.push_back(*event.to);
    }
  }
  if (steps < 1 || static_cast<std::size_t>(steps) >= moves.size()) {
    throw Error(Errc::bad_input, std::format("`{}@{}` cannot go back by {}: it has been moved {} times", name, alias,
                                             steps, moves.empty() ? 0 : moves.size() - 1));
  }
  const auto to = moves[moves.size() - 1 - static_cast<std::size_t>(steps)];
  move_alias(name, alias, moves.back(), to, reason.starts_with("rollback") ? reason : "rollback: " + reason);
  return to;
}

std::vector<RegistryEvent> Registry::history(const std::string& name) const {
  auto rows = state_->database.prepare("SELECT alias, old, new, reason, at FROM events WHERE name = ?1 ORDER BY id");
  rows.bind_text(1, name);
  std::vector<RegistryEvent> out;
  while (rows.step()) {
    out.push_back({.alias = std::string(rows.bytes(0)),
                   .from = rows.optional_integer(1),
                   .to = rows.optional_integer(2),
                   .reason = std::string(rows.bytes(3)),
                   .at = to_time(rows.integer(4))});
  }
  return out;
}

}  // namespace dspy
