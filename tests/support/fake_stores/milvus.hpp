#pragma once

#include "dspy/base/json.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/http/transport.hpp"
#include "support/fake_stores/rows.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

/// A Milvus of one collection that answers by a plain loop.
class FakeMilvus {
 public:
  http::SimulatedReply operator()(const http::Request& request) {
    const auto body = parse_json(request.body).value().as_object();
    const auto path = request.url.substr(request.url.find("/v2/vectordb") + std::string_view("/v2/vectordb").size());
    return {.body = to_text(answer(path, body))};
  }

 private:
  JsonObject answer(const std::string& path, const JsonObject& body) {
    if (path == "/collections/describe") return described();
    if (path == "/collections/create") return created(body);
    if (!exists_) return {{"code", 100}, {"message", "can't find collection"}};
    if (path == "/entities/upsert") return upserted(body.at("data").as_array());
    const auto filter = condition(body.contains("filter") ? text_of(body.at("filter")) : "");
    if (path == "/entities/delete") {
      std::erase_if(rows_, [&](const auto& entry) { return filter(entry.second); });
      return {{"code", 0}, {"data", JsonObject{}}};
    }
    if (path == "/entities/search") return found(body, filter);
    if (path == "/entities/query") return listed(body, filter);
    return {{"code", 1100}, {"message", "no such route"}};
  }

  JsonObject described() const {
    if (!exists_) return {{"code", 100}, {"message", "can't find collection"}};
    const JsonArray dim{JsonObject{{"key", "dim"}, {"value", dimensions_}}};
    return {{"code", 0},
            {"data", JsonObject{{"collectionName", "c"},
                                {"fields", JsonArray{JsonObject{{"name", "id"}, {"type", "VarChar"}},
                                                     JsonObject{{"name", "vector"}, {"params", dim}},
                                                     JsonObject{{"name", "facts"}, {"type", "Array"}}}},
                                {"indexes", JsonArray{JsonObject{{"fieldName", "vector"}, {"metricType", metric_}}}}}}};
  }

  JsonObject created(const JsonObject& body) {
    for (const auto& field : body.at("schema").at("fields").as_array())
      if (field.at("fieldName") == "vector") dimensions_ = text_of(field.at("elementTypeParams").at("dim"));
    metric_ = text_of(body.at("indexParams").at(0).at("metricType"));
    exists_ = true;
    return {{"code", 0}, {"data", JsonObject{}}};
  }

  JsonObject upserted(const JsonArray& data) {
    for (const auto& each : data) {
      FakeRow row{
          .id = text_of(each.at("id")), .vector = floats_of(each.at("vector")), .passage = text_of(each.at("passage"))};
      for (const auto& fact : each.at("facts").as_array()) row.facts.insert(text_of(fact));
      for (const auto& [name, value] : each.at("numbers").as_object())
        row.numbers[std::string(std::string_view(name))] = value.to_number<double>();
      rows_.insert_or_assign(row.id, row);
    }
    return {{"code", 0}, {"data", JsonObject{{"upsertCount", data.size()}}}};
  }

  static JsonObject shown(const FakeRow& row, const JsonObject& body) {
    JsonObject out{{"id", row.id}, {"passage", row.passage}};
    for (const auto& field : body.at("outputFields").as_array())
      if (field == "vector") out["vector"] = json_of(row.vector);
    return out;
  }

  JsonObject found(const JsonObject& body, const FakeCondition& filter) const {
    const auto metric = metric_ == "COSINE" ? FakeMetric::cosine
                        : metric_ == "IP"   ? FakeMetric::dot
                                            : FakeMetric::square;
    JsonArray data;
    for (const auto& [measure, row] :
         nearest(rows_, filter, metric, floats_of(body.at("data").at(0)), body.at("limit").to_number<std::size_t>())) {
      data.emplace_back(shown(*row, body));
      data.back().as_object()["distance"] = measure;
    }
    return {{"code", 0}, {"data", std::move(data)}};
  }

  JsonObject listed(const JsonObject& body, const FakeCondition& filter) const {
    std::vector<const FakeRow*> met;
    for (const auto& [id, row] : rows_)
      if (filter(row)) met.push_back(&row);
    if (body.at("outputFields").at(0) == "count(*)")
      return {{"code", 0}, {"data", JsonArray{JsonObject{{"count(*)", met.size()}}}}};
    const auto limit = body.at("limit").to_number<std::size_t>();
    std::ranges::reverse(met);  // rows come in no order
    JsonArray data;
    for (const auto* const row : met)
      if (data.size() < limit) data.emplace_back(shown(*row, body));
    return {{"code", 0}, {"data", std::move(data)}};
  }

  static FakeCondition condition(const std::string& text) {
    if (text.empty()) return all_of({});
    FakeReader reader(text);
    auto out = read(reader);
    if (!reader.is_at_end()) throw std::runtime_error("more after the condition: " + text);
    return out;
  }

  static FakeCondition read(FakeReader& reader) {
    if (reader.takes("array_contains(facts, \"")) {
      const auto fact = reader.until('"');
      reader.expect(")");
      return [fact](const FakeRow& row) { return row.facts.contains(fact); };
    }
    if (reader.takes("numbers[\"")) {
      const auto name = reader.until('"');
      reader.expect("]");
      return compared(name, reader);
    }
    if (reader.takes("id in [")) {
      std::set<std::string> ids;
      for (bool is_more = true; is_more; is_more = reader.takes(",")) {
        reader.expect("\"");
        ids.insert(reader.until('"'));
      }
      reader.expect("]");
      return [ids](const FakeRow& row) { return ids.contains(row.id); };
    }
    if (reader.takes("id <= \"")) {
      const auto id = reader.until('"');
      return [id](const FakeRow& row) { return row.id <= id; };
    }
    if (reader.takes("id > \"")) {
      const auto id = reader.until('"');
      return [id](const FakeRow& row) { return row.id > id; };
    }
    reader.expect("(");
    if (reader.takes("not ")) {
      auto part = read(reader);
      reader.expect(")");
      return [part](const FakeRow& row) { return !part(row); };
    }
    std::vector<FakeCondition> parts{read(reader)};
    const bool is_all = reader.takes("and");
    if (is_all || reader.takes("or")) {
      do parts.push_back(read(reader));
      while (reader.takes(is_all ? "and" : "or"));
    }
    reader.expect(")");
    return is_all ? all_of(std::move(parts)) : any_of(std::move(parts));
  }

  static FakeCondition compared(const std::string& name, FakeReader& reader) {
    const bool is_above = reader.takes(">"), is_below = !is_above && reader.takes("<"), or_equal = reader.takes("=");
    if (!is_above && !is_below) throw std::runtime_error("an order expected");
    const double bound = reader.number();
    return [=](const FakeRow& row) {
      const auto found = row.numbers.find(name);
      if (found == row.numbers.end()) return false;
      return (or_equal && found->second == bound) || (is_above ? found->second > bound : found->second < bound);
    };
  }

  bool exists_ = false;
  std::string dimensions_, metric_;
  FakeRows rows_;
};

}  // namespace dspy::test
