#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "retrieve/embedded/engine.hpp"
#include "retrieve/embedded/postings.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/embedded/vector_search.hpp"
#include "retrieve/search_order.hpp"
#include "retrieve/unit_length.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy::embedded {
namespace {

void sort_hits(std::vector<Hit>& hits) {
  std::ranges::sort(hits, [](const Hit& a, const Hit& b) {
    return a.score != b.score ? a.score > b.score : a.passage.id < b.passage.id;
  });
  for (std::size_t i = 0; i < hits.size(); ++i) hits[i].parts.front().rank = i + 1;
}

}  // namespace

std::vector<Hit> Engine::by_vector(Session& session, const StoreQuery& query, std::size_t k,
                                   const std::optional<Bitmap>& wanted) {
  auto vector = query.vector;
  const bool is_distance = session.state().similarity == Similarity::euclidean;
  if (session.state().similarity == Similarity::cosine) to_unit_length(vector);
  std::vector<Hit> hits;
  if (session.state().dimensions == 0) return hits;
  const VectorQuery wish{
      .vector = vector, .k = k, .is_exact = query.exact, .breadth = options_.search_breadth, .stop = query.stop};
  for (auto& found : search_vectors(session.snapshot(), wish, wanted, [&](const auto& damage) { note(damage); })) {
    auto passage = session.passage(static_cast<std::int64_t>(found.row));
    if (!passage) continue;
    const double score = is_distance ? -std::sqrt(-found.likeness) : found.likeness;
    if (query.with_vectors) passage->vector = std::move(found.vector);
    hits.push_back({*std::move(passage), score, {{"vector", is_distance ? -score : score, 0}}});
  }
  sort_hits(hits);
  return hits;
}

std::vector<Hit> Engine::by_text(Session& session, const StoreQuery& query, std::size_t k,
                                 const std::optional<Bitmap>& wanted) {
  std::vector<Hit> hits;
  const auto found = search_words(session.catalog(), session.state(), query.text, k, session.snapshot().dead, wanted,
                                  [&](const std::string& word) {
                                    note("the places of the word `" + word + "` are damaged; build the index again");
                                  });
  for (const auto& [score, row] : found) {
    auto passage = session.passage(row);
    if (!passage) continue;
    if (query.with_vectors)
      passage->vector = vector_of(session.snapshot(), static_cast<std::uint64_t>(row)).value_or(std::vector<float>());
    hits.push_back({*std::move(passage), score, {{"text", score, 0}}});
  }
  sort_hits(hits);
  return hits;
}

std::vector<Hit> Engine::search(const StoreQuery& query) {
  Session session(*this);
  const auto& state = session.state();
  check_query(query, static_cast<std::size_t>(state.dimensions), state.similarity);
  const auto wanted = session.rows(query.filter);
  if (query.text.empty()) return by_vector(session, query, query.k, wanted);
  if (query.vector.empty()) return by_text(session, query, query.k, wanted);
  const auto candidates = fused_candidates(query);
  auto near = by_vector(session, query, candidates, wanted);
  return fused(std::move(near), by_text(session, query, candidates, wanted), query.k);
}

ScanPage Engine::scan(const Filter& filter, const std::string& cursor, std::size_t limit, bool with_vectors) {
  if (limit == 0) throw Error(Errc::invalid_parameter, "a page of 0 passages; `limit` must be 1 or more");
  Session session(*this);
  const auto wanted = session.rows(filter);
  std::vector<std::int64_t> rows;
  auto& found = session.catalog().statement("SELECT row FROM passages WHERE id > ?1 ORDER BY id").bind_text(1, cursor);
  while (rows.size() <= limit && found.step())
    if (!wanted || wanted->has(static_cast<std::size_t>(found.integer(0)))) rows.push_back(found.integer(0));
  found.reset();
  ScanPage page;
  for (std::size_t i = 0; i < std::min(limit, rows.size()); ++i) {
    auto passage = session.passage(rows[i]);
    if (!passage) continue;
    if (with_vectors)
      passage->vector =
          vector_of(session.snapshot(), static_cast<std::uint64_t>(rows[i])).value_or(std::vector<float>());
    page.passages.push_back(*std::move(passage));
  }
  if (rows.size() > limit && !page.passages.empty()) page.next = page.passages.back().id;
  return page;
}

std::vector<Passage> Engine::get(const std::vector<std::string>& ids) {
  Session session(*this);
  std::vector<Passage> out;
  for (const auto& id : ids) {
    const auto row = session.catalog().row_of(id);
    if (!row) continue;
    auto stored = session.catalog().passage(*row);  // throws where it is damaged
    if (!stored) continue;
    if (stored->has_vector) {
      auto vector = vector_of(session.snapshot(), static_cast<std::uint64_t>(*row));
      if (!vector)
        throw Error(Errc::io_error, "the vector of the passage `" + id + "` is in a damaged segment; keep it anew");
      stored->passage.vector = *std::move(vector);
    }
    out.push_back(std::move(stored->passage));
  }
  return out;
}

double Engine::recall(std::size_t samples, std::size_t k) {
  if (samples == 0 || k == 0) throw Error(Errc::invalid_parameter, "a recall of nothing; give 1 or more of both");
  const Session session(*this);
  const auto& snapshot = session.snapshot();
  std::vector<std::uint64_t> rows;
  for (const auto& live : snapshot.segments)
    for (std::size_t at = 0; at < live.segment->size(); ++at)
      if (live.segment->has_graph() && !live.dead.has(at)) rows.push_back(live.segment->rows()[at]);
  Random random(20'260'101);
  random.shuffle(std::span(rows));
  if (rows.size() > samples) rows.resize(samples);
  std::size_t wanted = 0, found = 0;
  for (const auto row : rows) {
    const auto vector = vector_of(snapshot, row);
    if (!vector) continue;
    const auto ask = [&](bool is_exact) {
      std::set<std::uint64_t> near;
      const VectorQuery query{.vector = *vector, .k = k, .is_exact = is_exact, .breadth = options_.search_breadth};
      for (const auto& one : search_vectors(snapshot, query, {}, [&](const auto& damage) { note(damage); }))
        near.insert(one.row);
      return near;
    };
    const auto about = ask(false);
    for (const auto near : ask(true)) {
      ++wanted;
      found += about.contains(near) ? 1 : 0;
    }
  }
  return wanted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(wanted);
}

}  // namespace dspy::embedded
