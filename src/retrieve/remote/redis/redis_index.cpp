#include "retrieve/remote/redis/redis_index.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/facts.hpp"
#include "retrieve/remote/redis/redis_server.hpp"
#include "retrieve/remote/rest.hpp"
#include "storage/resp.hpp"

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace dspy::remote {
namespace {

constexpr std::string_view kind = "redis";
static_assert(std::endian::native == std::endian::little, "vectors are kept as they are in memory");

class Language final : public FactLanguage {
 public:
  explicit Language(const std::vector<std::string>& numbers) : numbers_(numbers) {}

  std::string has(std::string_view fact) const override { return std::format("@facts:{{{}}}", fact); }
  std::string all(const std::vector<std::string>& conditions) const override { return joined(conditions, " "); }
  std::string any(const std::vector<std::string>& conditions) const override { return joined(conditions, " | "); }
  /// `-` needs something to subtract from.
  std::string negated(const std::string& condition) const override {
    return std::format("({} -{})", has(fact_of_all), condition);
  }

  std::string ordered(const Filter& filter) const override {
    const auto field = std::format("@number{}", place_of_number(numbers_, filter.field(), kind));
    const auto number = std::format("{}", comparable(filter.value(), kind).to_number<double>());
    switch (filter.op()) {
      case Filter::Op::gt: return std::format("{}:[({} +inf]", field, number);
      case Filter::Op::gte: return std::format("{}:[{} +inf]", field, number);
      case Filter::Op::lt: return std::format("{}:[-inf ({}]", field, number);
      default: return std::format("{}:[-inf {}]", field, number);
    }
  }

 private:
  static std::string joined(const std::vector<std::string>& conditions, std::string_view between) {
    std::string out;
    for (const auto& each : conditions) out += std::string(out.empty() ? "" : between) + each;
    return std::format("({})", out);
  }

  const std::vector<std::string>& numbers_;
};

const std::string* value_in(const storage::RespValue& row, std::string_view name) {
  for (std::size_t i = 0; i + 1 < row.list.size(); i += 2)
    if (row.list[i].text == name && row.list[i + 1].kind == storage::RespValue::Kind::text)
      return &row.list[i + 1].text;
  return nullptr;
}

}  // namespace

std::string about_text(const RedisIndex& index) {
  return to_text(JsonObject{{"dspy", 1},
                            {"dimensions", index.dimensions},
                            {"similarity", to_string(index.similarity)},
                            {"numbers", JsonArray(index.numbers.begin(), index.numbers.end())},
                            {"embedder", index.embedder},
                            {"approximate", index.is_approximate}});
}

RedisIndex redis_index(std::string_view name, std::string_view about) {
  const auto json = parse_json(about);
  const auto* const object = json ? json->if_object() : nullptr;
  if (object == nullptr || !object->contains("dspy"))
    throw Error(Errc::config_error,
                std::format("the key `{}:about` was not written by this library; choose another name", name));
  RedisIndex out{
      .dimensions = member(*json, "dimensions", kind).to_number<std::size_t>(),
      .similarity = similarity(view(member(*json, "similarity", kind).as_string())).value_or(Similarity::cosine),
      .embedder = std::string(view(member(*json, "embedder", kind).as_string())),
      .is_approximate = member(*json, "approximate", kind).as_bool()};
  for (const auto& each : list(member(*json, "numbers", kind), kind)) out.numbers.emplace_back(view(each.as_string()));
  return out;
}

RedisCommand create_command(const std::string& name, const RedisIndex& index) {
  const auto* const metric = index.similarity == Similarity::cosine ? "COSINE"
                             : index.similarity == Similarity::dot  ? "IP"
                                                                    : "L2";
  RedisCommand out{"FT.CREATE",  name,     "ON",    "HASH", "PREFIX", "1",
                   name + ":p:", "SCHEMA", "facts", "TAG",  "vector", "VECTOR"};
  if (index.is_approximate) {
    out.insert(out.end(), {"HNSW", "12", "M", "16", "EF_CONSTRUCTION", "200", "EF_RUNTIME", "128"});
  } else {
    out.insert(out.end(), {"FLAT", "6"});
  }
  out.insert(out.end(), {"TYPE", "FLOAT32", "DIM", std::to_string(index.dimensions), "DISTANCE_METRIC", metric});
  for (std::size_t i = 0; i < index.numbers.size(); ++i) out.insert(out.end(), {std::format("number{}", i), "NUMERIC"});
  return out;
}

std::string redis_filter(const Filter& filter, const std::vector<std::string>& numbers) {
  return std::format("({})", fact_filter(filter, kind, Language(numbers)));
}

std::string tags_of(const Passage& passage) {
  std::string out;
  for (const auto& fact : facts_of(passage, kind)) out += (out.empty() ? "" : ",") + fact;
  return out;
}

std::string bytes_of(const std::vector<float>& vector) {
  std::string out(vector.size() * sizeof(float), '\0');
  std::memcpy(out.data(), vector.data(), out.size());
  return out;
}

std::vector<float> vector_in(std::string_view bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

std::vector<storage::RespValue> rows_of(const storage::RespValue& answer) {
  if (answer.kind != storage::RespValue::Kind::list)
    throw Error(Errc::backend_error, "the Redis server's answer to a search is not a list");
  std::vector<storage::RespValue> out;
  for (const auto& each : answer.list)
    if (each.kind == storage::RespValue::Kind::list) out.push_back(each);
  return out;
}

Passage passage_of_text(std::string_view text) {
  const auto whole = parse_json(text);
  if (!whole || !whole->is_object())
    throw Error(Errc::backend_error, "a hash under the index's prefix was not kept by this library");
  return passage_of(whole->get_object());
}

std::optional<Passage> passage_of_row(const storage::RespValue& row, bool with_vector) {
  const auto* const text = value_in(row, "passage");
  if (text == nullptr) return {};
  auto out = passage_of_text(*text);
  const auto* const bytes = with_vector ? value_in(row, "vector") : nullptr;
  if (bytes != nullptr) out.vector = vector_in(*bytes);
  return out;
}

double number_of_row(const storage::RespValue& row, std::string_view name) {
  const auto* const text = value_in(row, name);
  double out = 0;
  if (text == nullptr || std::from_chars(text->data(), text->data() + text->size(), out).ec != std::errc{})
    throw Error(Errc::backend_error, std::format("a row of the Redis server's answer has no number `{}`", name));
  return out;
}

}  // namespace dspy::remote
