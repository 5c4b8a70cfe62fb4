#include "dspy/agents/memory/memory.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <unordered_map>
#include <utility>

namespace dspy {
namespace {

Signature summary_signature() {
  return Signature::parse("summary, turns -> new_summary",
                          "Bring the summary of a conversation up to date with the turns that follow it. Keep names, "
                          "numbers, decisions and open questions; leave out small talk.");
}

Signature entity_signature() {
  return Signature::parse(
      "text -> facts: list[Fact{entity: str, fact: str}]",
      "List the lasting facts that the text states, each with whom or what it is about. No facts: an "
      "empty list.");
}

std::string transcript(const std::vector<Message>& messages) {
  std::string out;
  for (const auto& message : messages) {
    if (!out.empty()) out += "\n";
    out += std::format("{}: {}", to_string(message.role), message.text());
    for (const auto& part : message.parts) {
      if (const auto* const call = part.get<ToolCallPart>())
        out += std::format("[calls {} {}]", call->name, to_text(Json(call->input)));
      if (const auto* const result = part.get<ToolResultPart>())
        for (const auto& each : result->content)
          if (const auto* const text = each.get<TextPart>())
            out += std::format("[{} returned {}]", result->name, text->text);
    }
  }
  return out;
}

class ExactIndex final : public VectorIndex {
 public:
  void put(std::uint64_t id, std::vector<float> vector) override {
    double square = 0;
    for (const auto each : vector) square += static_cast<double>(each) * each;
    const auto length = std::sqrt(square);
    if (length > 0)
      for (auto& each : vector) each = static_cast<float>(each / length);
    vectors_[id] = std::move(vector);
  }
  void erase(std::uint64_t id) override { vectors_.erase(id); }
  std::vector<Hit> nearest(const std::vector<float>& vector, std::size_t count) const override {
    double square = 0;
    for (const auto each : vector) square += static_cast<double>(each) * each;
    const auto length = square > 0 ? std::sqrt(square) : 1.0;
    std::vector<Hit> out;
    out.reserve(vectors_.size());
    for (const auto& [id, known] : vectors_) {
      if (known.size() != vector.size())
        throw Error(Errc::invalid_parameter,
                    std::format("a vector of {} dimensions among those of {}; one memory is for "
                                "one embedder",
                                vector.size(), known.size()));
      double product = 0;
      for (std::size_t i = 0; i < vector.size(); ++i) product += static_cast<double>(known[i]) * vector[i];
      out.push_back({.id = id, .similarity = product / length});
    }
    const auto better = [](const Hit& a, const Hit& b) {
      return a.similarity != b.similarity ? a.similarity > b.similarity : a.id > b.id;
    };
    const auto kept = static_cast<std::ptrdiff_t>(std::min(count, out.size()));
    std::ranges::partial_sort(out, out.begin() + kept, better);
    out.resize(static_cast<std::size_t>(kept));
    return out;
  }

 private:
  std::unordered_map<std::uint64_t, std::vector<float>> vectors_;
};

}  // namespace

SummaryMemory::SummaryMemory(SummaryMemoryOptions options)
    : summarise_(summary_signature(), std::move(options.predictor)), recent_({.turns = options.turns}) {}

Async<void> SummaryMemory::add(Message message) {
  for (auto& gone : recent_.add(std::move(message))) waiting_.push_back(std::move(gone));
  if (waiting_.empty()) co_return;
  JsonObject inputs{{"summary", summary_}, {"turns", transcript(waiting_)}};
  const auto out = co_await summarise_.acall(std::move(inputs));
  summary_ = view(out.at("new_summary").as_string());
  waiting_.clear();
}

std::vector<Message> SummaryMemory::messages() const {
  std::vector<Message> out;
  if (!summary_.empty()) out.emplace_back(Role::system, "What was said before, in short: " + summary_);
  out.insert(out.end(), waiting_.begin(), waiting_.end());
  const auto recent = recent_.messages();
  out.insert(out.end(), recent.begin(), recent.end());
  return out;
}

void SummaryMemory::clear() {
  recent_.clear();
  waiting_.clear();
  summary_.clear();
}

std::shared_ptr<VectorIndex> exact_vector_index() {
  return std::make_shared<ExactIndex>();
}

VectorMemory::VectorMemory(std::shared_ptr<Embedder> embedder, VectorMemoryOptions options,
                           std::shared_ptr<VectorIndex> index)
    : embedder_(std::move(embedder)), options_(options), index_(std::move(index)) {
  if (!embedder_) throw Error(Errc::config_error, "a memory of vectors needs an embedder: dspy::embedder(\"…\")");
  if (options_.most == 0)
    throw Error(Errc::invalid_parameter, "a memory of 0 texts forgets everything; keep 1 or more");
}

Async<std::uint64_t> VectorMemory::add(std::string text) {
  EmbedRequest request{.texts = {text}, .role = EmbedRole::document};
  auto embedded = co_await embedder_->embed(std::move(request));
  const auto id = next_id_++;
  index_->put(id, std::move(embedded.vectors.at(0)));
  entries_.push_back({.id = id, .text = std::move(text), .time = options_.clock->now()});
  if (entries_.size() > options_.most) forget(entries_.front().id);
  co_return id;
}

Async<std::vector<Recalled>> VectorMemory::recall(std::string question, std::size_t count) const {
  EmbedRequest request{.texts = {std::move(question)}, .role = EmbedRole::query};
  const auto embedded = co_await embedder_->embed(std::move(request));
  // With age, what is near may be worth less than what is new: all are looked at.
  const auto wanted = options_.half_life ? entries_.size() : count;
  std::vector<Recalled> out;
  for (const auto& hit : index_->nearest(embedded.vectors.at(0), wanted)) {
    const auto entry = std::ranges::find(entries_, hit.id, &Entry::id);
    if (entry == entries_.end()) continue;
    auto score = hit.similarity;
    if (options_.half_life) {
      const std::chrono::duration<double> age = options_.clock->now() - entry->time;
      score *= std::exp2(-age.count() / static_cast<double>(options_.half_life->count()));
    }
    if (score >= options_.threshold) out.push_back({.text = entry->text, .score = score, .id = hit.id});
  }
  std::ranges::stable_sort(out, std::greater(), &Recalled::score);
  if (out.size() > count) out.resize(count);
  co_return out;
}

bool VectorMemory::forget(std::uint64_t id) {
  index_->erase(id);
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; }) > 0;
}

EntityMemory::EntityMemory(EntityMemoryOptions options)
    : options_(std::move(options)), find_(entity_signature(), options_.predictor) {
  if (options_.entities == 0 || options_.facts == 0)
    throw Error(Errc::invalid_parameter, "a memory of 0 entities or facts forgets everything; keep 1 or more");
}

Async<void> EntityMemory::add(std::string text) {
  JsonObject inputs{{"text", std::move(text)}};
  const auto out = co_await find_.acall(std::move(inputs));
  for (const auto& fact : out.at("facts").as_array())
    add_fact(view(fact.at("entity").as_string()), std::string(view(fact.at("fact").as_string())));
}

void EntityMemory::add_fact(std::string_view entity, std::string fact) {
  auto found = std::ranges::find_if(entities_,
                                    [&](const Entity& each) { return text::equals_ignoring_case(each.name, entity); });
  if (found == entities_.end()) found = entities_.insert(entities_.begin(), {.name = std::string(entity)});
  entities_.splice(entities_.begin(), entities_, found);
  auto& facts = entities_.front().facts;
  std::erase(facts, fact);
  facts.push_back(std::move(fact));
  if (facts.size() > options_.facts) facts.pop_front();
  if (entities_.size() > options_.entities) entities_.pop_back();
}

std::vector<std::string> EntityMemory::facts(std::string_view entity) const {
  for (const auto& each : entities_)
    if (text::equals_ignoring_case(each.name, entity)) return {each.facts.begin(), each.facts.end()};
  return {};
}

std::vector<std::string> EntityMemory::entities() const {
  std::vector<std::string> out;
  for (const auto& each : entities_) out.push_back(each.name);
  return out;
}

std::string EntityMemory::about(std::string_view text) const {
  const auto lower = text::to_lower(std::string(text));
  std::string out;
  for (const auto& each : entities_)
    if (lower.contains(text::to_lower(each.name)))
      for (const auto& fact : each.facts) out += std::format("{}{}: {}", out.empty() ? "" : "\n", each.name, fact);
  return out;
}

bool EntityMemory::forget(std::string_view entity) {
  return std::erase_if(entities_, [&](const Entity& each) { return text::equals_ignoring_case(each.name, entity); }) >
         0;
}

}  // namespace dspy
