#include "retrieve/remote/milvus/milvus_rows.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/remote/facts.hpp"
#include "retrieve/remote/rest.hpp"

#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::remote {
namespace {

constexpr std::string_view kind = "milvus";
constexpr std::size_t most_text_bytes = 65'535;  ///< Of a VarChar.
constexpr std::size_t most_facts = 4'096;        ///< Of an array.

class Language final : public FactLanguage {
 public:
  std::string has(std::string_view fact) const override { return std::format("array_contains(facts, \"{}\")", fact); }
  std::string all(const std::vector<std::string>& conditions) const override { return joined(conditions, " and "); }
  std::string any(const std::vector<std::string>& conditions) const override { return joined(conditions, " or "); }
  std::string negated(const std::string& condition) const override { return std::format("(not {})", condition); }

  std::string ordered(const Filter& filter) const override {
    const std::string_view op = filter.op() == Filter::Op::gt    ? ">"
                                : filter.op() == Filter::Op::gte ? ">="
                                : filter.op() == Filter::Op::lt  ? "<"
                                                                 : "<=";
    auto number = std::format("{}", comparable(filter.value(), kind).to_number<double>());
    if (number.find_first_of(".e") == std::string::npos) number += ".0";
    return std::format("(numbers[\"{}\"] {} {})", number_fact(filter.field()), op, number);
  }

 private:
  static std::string joined(const std::vector<std::string>& conditions, std::string_view between) {
    std::string out;
    for (const auto& each : conditions) out += std::string(out.empty() ? "" : between) + each;
    return std::format("({})", out);
  }
};

JsonObject field(std::string_view name, std::string_view type, JsonObject parameters = {}) {
  return {{"fieldName", name}, {"dataType", type}, {"elementTypeParams", std::move(parameters)}};
}

}  // namespace

JsonObject milvus_creation(std::size_t dimensions, Similarity similarity, bool is_approximate) {
  const std::string_view metric = similarity == Similarity::cosine ? "COSINE"
                                  : similarity == Similarity::dot  ? "IP"
                                                                   : "L2";
  auto id = field("id", "VarChar", {{"max_length", "36"}});
  id["isPrimary"] = true;
  auto facts = field("facts", "Array", {{"max_capacity", std::to_string(most_facts)}, {"max_length", "40"}});
  facts["elementDataType"] = "VarChar";
  JsonArray fields{std::move(id), field("vector", "FloatVector", {{"dim", std::to_string(dimensions)}}),
                   field("passage", "VarChar", {{"max_length", std::to_string(most_text_bytes)}}), std::move(facts),
                   field("numbers", "JSON")};
  JsonObject index{{"fieldName", "vector"},
                   {"indexName", "vector"},
                   {"metricType", metric},
                   {"indexType", is_approximate ? "HNSW" : "FLAT"}};
  if (is_approximate) index["params"] = JsonObject{{"M", 16}, {"efConstruction", 200}};
  return {{"schema", JsonObject{{"fields", std::move(fields)}}},
          {"indexParams", JsonArray{std::move(index)}},
          {"params", JsonObject{{"consistencyLevel", "Strong"}}}};
}

MilvusCollection milvus_collection(std::string_view name, const StoreOptions& options, const Json& data) {
  MilvusCollection out;
  bool has_facts = false;
  for (const auto& field : list(member(data, "fields", kind), kind)) {
    const auto called = view(member(field, "name", kind).as_string());
    has_facts = has_facts || called == "facts";
    if (called != "vector") continue;
    for (const auto& each : list(member(field, "params", kind), kind))
      if (view(member(each, "key", kind).as_string()) == "dim") {
        const auto& size = member(each, "value", kind);
        out.dimensions =
            size.is_string() ? std::stoul(std::string(view(size.get_string()))) : size.to_number<std::size_t>();
      }
  }
  const auto& indexes = list(member(data, "indexes", kind), kind);
  if (!has_facts || out.dimensions == 0 || indexes.empty())
    throw Error(Errc::config_error,
                std::format("the collection `{}` was not made by this library; choose another name", name));
  const auto metric = view(member(indexes.at(0), "metricType", kind).as_string());
  out.similarity = metric == "COSINE" ? Similarity::cosine : metric == "IP" ? Similarity::dot : Similarity::euclidean;
  if (options.similarity && *options.similarity != out.similarity)
    throw Error(Errc::config_error, std::format("the collection compares by {}, not by {}", to_string(out.similarity),
                                                to_string(*options.similarity)));
  return out;
}

std::string milvus_filter(const Filter& filter) {
  return fact_filter(filter, kind, Language());
}

JsonObject milvus_row(const Passage& passage) {
  auto text = to_text(payload_of(passage));
  if (text.size() > most_text_bytes)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` has more than {} bytes of text and metadata, which Milvus takes; cut smaller",
                            passage.id, most_text_bytes));
  const auto known = facts_of(passage, kind);
  if (known.size() > most_facts)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` has lists of more values than the {} that Milvus takes; keep shorter lists",
                            passage.id, most_facts));
  JsonObject numbers;
  for (const auto& [name, value] : passage.metadata)
    if (value.is_number()) numbers[number_fact(name)] = comparable(value, kind);
  return {{"id", uuid_of(passage.id)},
          {"vector", remote::numbers(passage.vector)},
          {"passage", std::move(text)},
          {"facts", JsonArray(known.begin(), known.end())},
          {"numbers", std::move(numbers)}};
}

Passage passage_of_milvus_row(const Json& row, bool with_vector) {
  const auto whole = parse_json(view(member(row, "passage", kind).as_string()));
  if (!whole || !whole->is_object())
    throw Error(Errc::backend_error, "a row of the collection was not kept by this library");
  auto out = passage_of(whole->get_object());
  if (with_vector) out.vector = vector_of(member(row, "vector", kind), kind);
  return out;
}

}  // namespace dspy::remote
