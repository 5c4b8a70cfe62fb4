#include "dspy/base/error.hpp"
#include "retrieve/embedded/attributes.hpp"
#include "retrieve/embedded/catalog.hpp"
#include "retrieve/embedded/engine.hpp"
#include "retrieve/embedded/postings.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/embedded/vector_search.hpp"
#include "retrieve/words.hpp"

#include <cstddef>
#include <cstdint>
#include <format>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::embedded {
namespace {

/// What the passages say that the index of fields and words must hold.
struct Expected {
  std::size_t passages = 0, vectors = 0, attributes = 0, postings = 0;
  std::int64_t words = 0;
};

std::size_t ask_count(Catalog& catalog, std::string_view sql) {
  auto& row = catalog.statement(sql);
  const auto count = row.step() ? static_cast<std::size_t>(row.integer(0)) : 0;
  row.reset();
  return count;
}

class Checker {
 public:
  Checker(Catalog& catalog, const Snapshot& snapshot) : catalog_(catalog), snapshot_(snapshot) {}

  IndexCheck run() {
    file();
    segments();
    passages();
    fields();
    words();
    const auto& state = snapshot_.state;
    if (state.passages != static_cast<std::int64_t>(expected_.passages) || state.words != expected_.words)
      problem(std::format("the index counts {} passages of {} words, and has {} of {}", state.passages, state.words,
                          expected_.passages, expected_.words));
    out_.passages = expected_.passages;
    out_.vectors = expected_.vectors;
    return std::move(out_);
  }

 private:
  void problem(std::string what) { out_.problems.push_back(std::move(what)); }

  void file() {
    auto& rows = catalog_.statement("PRAGMA integrity_check(10)");
    while (rows.step())
      if (rows.bytes(0) != "ok") problem(std::format("the SQLite file is damaged: {}", rows.bytes(0)));
    rows.reset();
  }

  void segments() {
    for (const auto& damage : snapshot_.damages) problem(damage);
    for (const auto& live : snapshot_.segments)
      if (const auto& damage = live.segment->damage()) problem(*damage);
  }

  void passages() {
    auto& rows = catalog_.statement("SELECT row, id FROM passages ORDER BY row");
    while (rows.step()) {
      const std::string id(rows.bytes(1));
      const auto stored = attempt([&] { return catalog_.passage(rows.integer(0)); });
      if (!stored || !*stored) {
        problem(stored ? std::format("the passage `{}` is gone", id) : stored.error().what());
        out_.affected.push_back(id);
        continue;
      }
      passage(**stored);
    }
    rows.reset();
  }

  void passage(const StoredPassage& stored) {
    ++expected_.passages;
    const auto words = count_words(stored.passage.text);
    expected_.words += static_cast<std::int64_t>(words.length);
    expected_.postings += words.counts.size();
    if (stored.has_vector) {
      if (vector_of(snapshot_, static_cast<std::uint64_t>(stored.row))) {
        ++expected_.vectors;
      } else {
        out_.affected.push_back(stored.passage.id);
        problem(std::format("the passage `{}` has lost its vector", stored.passage.id));
      }
    }
    std::set<std::string> seen;
    each_attribute(stored.passage, [&](std::string_view name, int part, const std::string& value) {
      if (!seen.insert(std::format("{}\n{}\n{}", name, part, value)).second) return;
      ++expected_.attributes;
      const auto field = snapshot_.fields.find(std::string(name));
      auto& found = catalog_.statement("SELECT 1 FROM attributes WHERE field=?1 AND part=?2 AND value=?3 AND row=?4")
                        .bind(1, field == snapshot_.fields.end() ? 0 : field->second)
                        .bind(2, std::int64_t{part})
                        .bind_bytes(3, value)
                        .bind(4, stored.row);
      if (!found.step())
        problem(std::format("filters on `{}` miss the passage `{}`; keep it anew", name, stored.passage.id));
      found.reset();
    });
  }

  void fields() {
    if (const auto found = ask_count(catalog_, "SELECT count(*) FROM attributes"); found != expected_.attributes)
      problem(std::format("filters know {} values where passages have {}; build the index again", found,
                          expected_.attributes));
  }

  void words() {
    std::size_t postings = 0;
    std::int64_t count = 0;
    auto& rows = catalog_.statement("SELECT word, data FROM postings");
    while (rows.step()) {
      const bool is_sound = unpack_postings(rows.bytes(1), [&](const Posting& posting) {
        if (snapshot_.dead.has(posting.row)) return;
        ++postings;
        count += static_cast<std::int64_t>(posting.count);
      });
      if (!is_sound)
        problem(std::format("the places of the word `{}` are damaged; build the index again", rows.bytes(0)));
    }
    rows.reset();
    if (postings != expected_.postings || count != expected_.words)
      problem(
          std::format("searches by words know {} places of {} words where passages have {} of {}; build the index "
                      "again",
                      postings, count, expected_.postings, expected_.words));
  }

  Catalog& catalog_;
  const Snapshot& snapshot_;
  Expected expected_;
  IndexCheck out_;
};

}  // namespace

IndexCheck Engine::check() {
  Session session(*this);
  return Checker(session.catalog(), session.snapshot()).run();
}

}  // namespace dspy::embedded
