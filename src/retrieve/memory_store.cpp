#include "dspy/retrieve/memory_store.hpp"

#include "dspy/base/error.hpp"
#include "retrieve/search_order.hpp"
#include "retrieve/words.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

struct MemoryStore::Data {
  struct Kept {
    Passage passage;
    WordCounts words;
  };

  StoreOptions options;
  std::mutex mutex;
  std::map<std::string, Kept> passages = {};
  std::set<std::string> fields = {};
  std::size_t dimensions = 0;

  Similarity similarity() const { return options.similarity.value_or(Similarity::cosine); }

  void must_be_writable() const {
    if (options.is_read_only)
      throw Error(Errc::invalid_parameter, "the store was opened for reading; open it without `is_read_only`");
  }

  /// Throws before anything is changed.
  void check_filter(const Filter& filter) const {
    if (!passages.empty()) check_fields(filter, fields);
  }

  std::vector<Hit> by_vector(const StoreQuery& query, std::size_t k) const;
  std::vector<Hit> by_text(const StoreQuery& query, std::size_t k) const;
};

namespace {

void normalize(std::vector<float>& vector) {
  double square = 0;
  for (const float x : vector) square += double{x} * double{x};
  const double length = std::sqrt(square);
  for (float& x : vector) x = static_cast<float>(double{x} / length);
}

double likeness(const std::vector<float>& a, const std::vector<float>& b, Similarity similarity) {
  double product = 0, distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += double{a[i]} * double{b[i]};
    distance += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
  }
  return similarity == Similarity::euclidean ? -std::sqrt(distance) : product;
}

/// The best `k`, as hits of one means.
std::vector<Hit> best(std::vector<std::pair<double, const Passage*>> found, std::size_t k, const char* by,
                      const StoreQuery& query, double sign) {
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->id < b.second->id;
  });
  if (found.size() > k) found.resize(k);
  std::vector<Hit> hits;
  for (const auto& [score, passage] : found) {
    hits.push_back({*passage, score, {{by, sign * score, hits.size() + 1}}});
    if (!query.with_vectors) hits.back().passage.vector.clear();
  }
  return hits;
}

}  // namespace

std::vector<Hit> MemoryStore::Data::by_vector(const StoreQuery& query, std::size_t k) const {
  auto vector = query.vector;
  if (similarity() == Similarity::cosine) normalize(vector);
  std::vector<std::pair<double, const Passage*>> found;
  for (const auto& [id, kept] : passages)
    if (!kept.passage.vector.empty() && query.filter.matches(kept.passage))
      found.emplace_back(likeness(vector, kept.passage.vector, similarity()), &kept.passage);
  return best(std::move(found), k, "vector", query, similarity() == Similarity::euclidean ? -1 : 1);
}

std::vector<Hit> MemoryStore::Data::by_text(const StoreQuery& query, std::size_t k) const {
  Bm25 bm25;
  double all_words = 0;
  for (const auto& [id, kept] : passages) {
    if (kept.words.length == 0) continue;
    ++bm25.texts;
    all_words += static_cast<double>(kept.words.length);
  }
  bm25.average_length = bm25.texts == 0 ? 0 : all_words / bm25.texts;
  std::map<const Passage*, double> scores;
  for (const auto& [word, times] : count_words(query.text).counts) {
    double with_word = 0;
    for (const auto& [id, kept] : passages) with_word += kept.words.counts.contains(word) ? 1 : 0;
    const double idf = bm25.idf(with_word);
    for (const auto& [id, kept] : passages) {
      const auto count = kept.words.counts.find(word);
      if (count == kept.words.counts.end() || !query.filter.matches(kept.passage)) continue;
      scores[&kept.passage] += static_cast<double>(times) * bm25.score(idf, static_cast<double>(count->second),
                                                                       static_cast<double>(kept.words.length));
    }
  }
  std::vector<std::pair<double, const Passage*>> found;
  for (const auto& [passage, score] : scores) found.emplace_back(score, passage);
  return best(std::move(found), k, "text", query, 1);
}

MemoryStore::MemoryStore(StoreOptions options) : data_(std::make_shared<Data>()) {
  data_->dimensions = options.dimensions;
  data_->options = std::move(options);
}

Async<void> MemoryStore::upsert(std::vector<Passage> passages) {
  return [](std::shared_ptr<Data> data, std::vector<Passage> all) -> Async<void> {
    const std::lock_guard lock(data->mutex);
    data->must_be_writable();
    check_passages(all, data->dimensions, data->similarity());
    for (auto& passage : all) {
      if (!passage.vector.empty()) data->dimensions = passage.vector.size();
      if (!passage.vector.empty() && data->similarity() == Similarity::cosine) normalize(passage.vector);
      for (const auto& member : passage.metadata) data->fields.emplace(member.key());
      auto words = count_words(passage.text);
      auto id = passage.id;
      data->passages.insert_or_assign(std::move(id), Data::Kept{std::move(passage), std::move(words)});
    }
    co_return;
  }(data_, std::move(passages));
}

Async<std::optional<std::size_t>> MemoryStore::remove(std::vector<std::string> ids) {
  return [](std::shared_ptr<Data> data, std::vector<std::string> all) -> Async<std::optional<std::size_t>> {
    const std::lock_guard lock(data->mutex);
    data->must_be_writable();
    std::size_t removed = 0;
    for (const auto& id : all) removed += data->passages.erase(id);
    co_return removed;
  }(data_, std::move(ids));
}

Async<std::optional<std::size_t>> MemoryStore::remove_where(Filter filter) {
  return [](std::shared_ptr<Data> data, Filter which) -> Async<std::optional<std::size_t>> {
    const std::lock_guard lock(data->mutex);
    data->must_be_writable();
    data->check_filter(which);
    co_return std::erase_if(data->passages, [&](const auto& entry) { return which.matches(entry.second.passage); });
  }(data_, std::move(filter));
}

Async<std::vector<Hit>> MemoryStore::search(StoreQuery query) {
  return [](std::shared_ptr<Data> data, StoreQuery wanted) -> Async<std::vector<Hit>> {
    const std::lock_guard lock(data->mutex);
    check_query(wanted, data->dimensions, data->similarity());
    data->check_filter(wanted.filter);
    if (wanted.text.empty()) co_return data->by_vector(wanted, wanted.k);
    if (wanted.vector.empty()) co_return data->by_text(wanted, wanted.k);
    const auto candidates = fused_candidates(wanted);
    co_return fused(data->by_vector(wanted, candidates), data->by_text(wanted, candidates), wanted.k);
  }(data_, std::move(query));
}

Async<std::size_t> MemoryStore::count(Filter filter) {
  return [](std::shared_ptr<Data> data, Filter which) -> Async<std::size_t> {
    const std::lock_guard lock(data->mutex);
    data->check_filter(which);
    co_return static_cast<std::size_t>(
        std::ranges::count_if(data->passages, [&](const auto& entry) { return which.matches(entry.second.passage); }));
  }(data_, std::move(filter));
}

Async<ScanPage> MemoryStore::scan(Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  return [](std::shared_ptr<Data> data, Filter which, std::string from, std::size_t most, bool all) -> Async<ScanPage> {
    if (most == 0) throw Error(Errc::invalid_parameter, "a page of 0 passages; `limit` must be 1 or more");
    const std::lock_guard lock(data->mutex);
    data->check_filter(which);
    ScanPage page;
    for (auto at = data->passages.upper_bound(from); at != data->passages.end(); ++at) {
      if (!which.matches(at->second.passage)) continue;
      if (page.passages.size() == most) {
        page.next = page.passages.back().id;
        break;
      }
      page.passages.push_back(at->second.passage);
      if (!all) page.passages.back().vector.clear();
    }
    co_return page;
  }(data_, std::move(filter), std::move(cursor), limit, with_vectors);
}

Async<std::vector<Passage>> MemoryStore::get(std::vector<std::string> ids) {
  return [](std::shared_ptr<Data> data, std::vector<std::string> all) -> Async<std::vector<Passage>> {
    const std::lock_guard lock(data->mutex);
    std::vector<Passage> found;
    for (const auto& id : all)
      if (const auto at = data->passages.find(id); at != data->passages.end()) found.push_back(at->second.passage);
    co_return found;
  }(data_, std::move(ids));
}

Async<StoreInfo> MemoryStore::info() {
  return [](std::shared_ptr<Data> data) -> Async<StoreInfo> {
    const std::lock_guard lock(data->mutex);
    co_return StoreInfo{.kind = "memory",
                        .dimensions = data->dimensions,
                        .similarity = data->similarity(),
                        .embedder = data->options.embedder,
                        .abilities = {.text_search = true, .knows_fields = true},
                        .passages = data->passages.size()};
  }(data_);
}

}  // namespace dspy
