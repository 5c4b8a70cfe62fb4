// A store on a server: the same calls as for a folder, filters translated to the server's query
// language, and an error for what it cannot express.  With a URI such as
// `qdrant://127.0.0.1:6333/example` a real server is used; without one, a minimal Qdrant inside
// this program answers.

#include <dspy/dspy.hpp>
#include <dspy/http/simulated_transport.hpp>
#include <dspy/retrieve/remote/remote_store.hpp>
#include <dspy/retrieve/remote/schemes.hpp>

#include <algorithm>
#include <cstddef>
#include <format>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using dspy::Json, dspy::JsonArray, dspy::JsonObject;

/// The part of Qdrant that this example uses: one collection, searched point by point.
class LittleQdrant {
 public:
  dspy::http::SimulatedReply operator()(const dspy::http::Request& request) {
    const auto body = dspy::parse_json(request.body.empty() ? "{}" : request.body).value().as_object();
    if (!request.url.contains("/points")) {
      if (request.method == "GET" && !is_made_) return {.status = 404};
      is_made_ = true;
      return says(dspy::parse_json(R"({"config": {"params": {"vectors": {"size": 3, "distance": "Dot"}}}})").value());
    }
    if (request.method == "PUT") {
      for (const auto& point : body.at("points").as_array())
        points_[std::string(dspy::view(point.at("id").as_string()))] = point.as_object();
      return says(JsonObject{});
    }
    return says(JsonObject{{"points", nearest(body)}});
  }

 private:
  static dspy::http::SimulatedReply says(const Json& result) {
    return {.body = dspy::to_text(JsonObject{{"result", result}, {"status", "ok"}})};
  }

  static bool meets(const JsonObject& point, const JsonObject& condition) {
    if (!condition.contains("match")) return true;
    const auto key = dspy::view(condition.at("key").as_string()).substr(std::string_view("scalar.").size());
    const auto* const value = point.at("payload").at("scalar").as_object().if_contains(key);
    return value != nullptr && *value == condition.at("match").at("value");
  }

  JsonArray nearest(const JsonObject& body) const {
    std::vector<JsonObject> found;
    for (auto [id, point] : points_) {
      double score = 0;
      for (std::size_t i = 0; i < 3; ++i)
        score += point.at("vector").at(i).to_number<double>() * body.at("query").at(i).to_number<double>();
      point["score"] = score;
      const auto* const filter = body.if_contains("filter");
      if (filter == nullptr || meets(point, filter->at("must").at(0).as_object())) found.push_back(point);
    }
    std::ranges::sort(found, [](const auto& a, const auto& b) {
      return a.at("score").template to_number<double>() > b.at("score").template to_number<double>();
    });
    found.resize(std::min(found.size(), body.at("limit").to_number<std::size_t>()));
    JsonArray out;
    for (auto& point : found) out.emplace_back(std::move(point));
    return out;
  }

  bool is_made_ = false;
  std::map<std::string, JsonObject> points_;
};

std::shared_ptr<dspy::Store> opened(int argc, char** argv) {
  // Keys come from `QDRANT_API_KEY` and similar variables, or from `RemoteStoreOptions::api_key`;
  // no message contains them.
  dspy::RemoteStoreOptions options;
  options.similarity = dspy::Similarity::dot;
  if (argc == 2) return dspy::open_store(argv[1], options);
  auto transport = std::make_shared<dspy::http::SimulatedTransport>();
  transport->serve([server = std::make_shared<LittleQdrant>()](const auto& request) { return (*server)(request); });
  options.transport = transport;
  return dspy::qdrant_store("qdrant://127.0.0.1:6333/example", options);
}

}  // namespace

int main(int argc, char** argv) {
  const auto store = opened(argc, argv);
  // Vectors come from an embedder; these have one number for each of lamp, kettle and warranty.
  dspy::wait(store->upsert(
      {{.id = "lamp", .text = "Turn the ring to choose the colour.", .vector = {1, 0, 0}, .metadata = {{"lang", "en"}}},
       {.id = "kettle", .text = "Boil vinegar to descale it.", .vector = {0, 1, 0}, .metadata = {{"lang", "en"}}},
       {.id = "garantie",
        .text = "Die Garantie dauert 24 Monate.",
        .vector = {.4F, .1F, 1},
        .metadata = {{"lang", "de"}}},
       {.id = "warranty",
        .text = "The warranty lasts 24 months.",
        .vector = {.4F, .1F, .9F},
        .metadata = {{"lang", "en"}}}}));

  const auto show = [&](std::string_view what, const dspy::Filter& filter) {
    std::cout << what << '\n';
    for (const auto& hit : dspy::wait(store->search({.vector = {.5F, 0, 1}, .k = 2, .filter = filter})))
      std::cout << std::format("  {:.2f} {}\n", hit.score, hit.passage.text);
  };
  show("in any language", {});
  show("in English", dspy::Filter::eq("lang", "en"));
  try {
    show("about warranty", dspy::Filter::contains("text", "warranty"));
  } catch (const dspy::Error& error) {
    std::cout << to_string(error.code()) << ": " << error.what() << '\n';
  }
}
