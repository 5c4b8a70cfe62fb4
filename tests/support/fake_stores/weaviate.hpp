#pragma once

#include "dspy/base/json.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/http/transport.hpp"
#include "support/fake_stores/rows.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

/// A Weaviate of one class that answers by a plain loop.
class FakeWeaviate {
 public:
  http::SimulatedReply operator()(const http::Request& request) {
    const auto path = request.url.substr(request.url.find("/v1/"));
    if (request.method == "GET" && path.starts_with("/v1/schema/")) {
      if (class_.empty()) return {.status = 404};
      return {.body = to_text(class_)};
    }
    const auto body = parse_json(request.body).value().as_object();
    if (path == "/v1/schema") {
      class_ = body;
      return {.body = to_text(class_)};
    }
    if (path == "/v1/batch/objects") return {.body = request.method == "DELETE" ? removed(body) : kept(body)};
    if (path != "/v1/graphql") return {.status = 404};
    FakeReader reader(view(body.at("query").as_string()));
    return {.body = to_text(JsonObject{{"data", answered(reader)}})};
  }

 private:
  std::string kept(const JsonObject& body) {
    JsonArray out;
    for (const auto& each : body.at("objects").as_array()) {
      const auto& properties = each.at("properties").as_object();
      FakeRow row{.id = text_of(each.at("id")),
                  .vector = floats_of(each.at("vector")),
                  .passage = text_of(properties.at("passage"))};
      for (const auto& fact : properties.at("facts").as_array()) row.facts.insert(text_of(fact));
      for (const auto& [name, value] : properties)
        if (value.is_number()) row.numbers[std::string(std::string_view(name))] = value.to_number<double>();
      rows_.insert_or_assign(row.id, row);
      out.emplace_back(JsonObject{{"id", row.id}, {"result", JsonObject{{"status", "SUCCESS"}}}});
    }
    return to_text(out);
  }

  std::string removed(const JsonObject& body) {
    const auto filter = condition(body.at("match").at("where"));
    const auto count = std::erase_if(rows_, [&](const auto& entry) { return filter(entry.second); });
    return to_text(JsonObject{{"results", JsonObject{{"matches", count}, {"successful", count}, {"failed", 0}}}});
  }

  static FakeCondition condition(const Json& where) {
    const auto op = text_of(where.at("operator"));
    if (const auto* const operands = where.as_object().if_contains("operands")) {
      std::vector<FakeCondition> parts;
      for (const auto& each : operands->as_array()) parts.push_back(condition(each));
      if (op == "And") return all_of(std::move(parts));
      if (op == "Or") return any_of(std::move(parts));
      if (op != "Not" || parts.size() != 1) throw std::runtime_error("no such operator: " + op);
      return [part = parts.front()](const FakeRow& row) { return !part(row); };
    }
    const auto path = text_of(where.at("path").at(0));
    if (path == "facts" && op == "Equal")
      return [fact = text_of(where.at("valueText"))](const FakeRow& row) { return row.facts.contains(fact); };
    return [=, bound = where.at("valueNumber").to_number<double>()](const FakeRow& row) {
      const auto found = row.numbers.find(path);
      if (found == row.numbers.end()) return false;
      if (op.ends_with("Equal") && found->second == bound) return true;
      return op.starts_with("Greater") ? found->second > bound : found->second < bound;
    };
  }

  /// A value of GraphQL as JSON; words without quotes become texts.
  static Json value(FakeReader& reader) {
    if (reader.takes("{")) {
      JsonObject out;
      while (!reader.takes("}")) {
        reader.takes(",");
        const auto name = reader.name();
        reader.expect(":");
        out[name] = value(reader);
      }
      return out;
    }
    if (reader.takes("[")) {
      JsonArray out;
      while (!reader.takes("]")) {
        reader.takes(",");
        out.push_back(value(reader));
      }
      return out;
    }
    if (reader.takes("\"")) return Json(reader.until('"'));
    FakeReader ahead = reader;
    if (const auto word = ahead.name(); !word.empty() && std::isalpha(static_cast<unsigned char>(word.front())) != 0) {
      reader = ahead;
      return Json(word);
    }
    return reader.number();
  }

  JsonObject answered(FakeReader& reader) const {
    reader.expect("{");
    const auto verb = reader.name();
    reader.expect("{");
    const auto name = reader.name();
    if (name != text_of(class_.at("class"))) throw std::runtime_error("no such class: " + name);
    JsonObject arguments;
    if (reader.takes("("))
      while (!reader.takes(")")) {
        const auto argument = reader.name();
        reader.expect(":");
        arguments[argument] = value(reader);
      }
    const auto filter = arguments.contains("where") ? condition(arguments.at("where")) : all_of({});
    return {{verb, JsonObject{{name, verb == "Aggregate" ? counted(filter) : gotten(arguments, filter)}}}};
  }

  JsonArray counted(const FakeCondition& filter) const {
    std::size_t count = 0;
    for (const auto& [id, row] : rows_) count += filter(row) ? 1 : 0;
    return {JsonObject{{"meta", JsonObject{{"count", count}}}}};
  }

  JsonArray gotten(const JsonObject& arguments, const FakeCondition& filter) const {
    JsonArray out;
    const auto limit = arguments.at("limit").to_number<std::size_t>();
    const auto show = [&](const FakeRow& row, double distance) {
      out.emplace_back(JsonObject{
          {"passage", row.passage},
          {"_additional", JsonObject{{"id", row.id}, {"distance", distance}, {"vector", json_of(row.vector)}}}});
    };
    if (arguments.contains("nearVector")) {
      const auto name = text_of(class_.at("vectorIndexConfig").at("distance"));
      const auto metric = name == "cosine" ? FakeMetric::cosine : name == "dot" ? FakeMetric::dot : FakeMetric::square;
      for (const auto& [measure, row] :
           nearest(rows_, filter, metric, floats_of(arguments.at("nearVector").at("vector")), limit))
        show(*row, metric == FakeMetric::cosine ? 1 - measure : metric == FakeMetric::dot ? -measure : measure);
      return out;
    }
    const bool is_after = arguments.contains("after");
    if (is_after && arguments.contains("where")) throw std::runtime_error("`after` goes with no `where`");
    for (const auto& [id, row] : rows_)
      if (out.size() < limit && filter(row) && (!is_after || id > text_of(arguments.at("after")))) show(row, 0);
    return out;
  }

  JsonObject class_;
  FakeRows rows_;
};

}  // namespace dspy::test
