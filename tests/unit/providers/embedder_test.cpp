#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/providers/remote_embedder.hpp"
#include "providers/embedding/embedding.hpp"
#include "support.hpp"

using namespace dspy;
using namespace dspy::test;

namespace {

RemoteEmbedderOptions options_for(std::shared_ptr<http::SimulatedTransport> transport, std::string_view provider) {
  RemoteEmbedderOptions out{.model = "m", .api_key = Secret("k"), .transport = std::move(transport)};
  if (provider == "compatible") out.base_url = "https://example.org/v1";
  return out;
}

JsonObject sent(const http::SimulatedTransport& transport, std::size_t i = 0) {
  return parse_json(transport.requests().at(i).body)->as_object();
}

/// A server that embeds a text as its length, and tells the vectors in the opposite order.
http::SimulatedReply lengths(const http::Request& request) {
  const auto body = parse_json(request.body)->as_object();
  JsonArray data;
  const auto& texts = body.at("input").as_array();
  for (std::size_t i = texts.size(); i-- > 0;)
    data.push_back(JsonObject{{"index", i}, {"embedding", JsonArray{texts[i].as_string().size(), 1.5}}});
  return {.body = to_text(
              JsonObject{{"data", std::move(data)},
                         {"usage", JsonObject{{"prompt_tokens", texts.size()}, {"total_tokens", texts.size()}}}})};
}

}  // namespace

TEST_CASE("Many texts become several requests, and their vectors come in the order of the texts") {
  const auto transport = std::make_shared<http::SimulatedTransport>();
  transport->serve(lengths);
  auto options = options_for(transport, "openai");
  options.batch_texts = 3;
  RemoteEmbedder embedder("openai", options);
  CHECK(embedder.dimensions() == 0);
  const std::vector<std::string> texts = {"a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg"};
  const auto out = wait(embedder.embed({.texts = texts}));
  REQUIRE(out.vectors.size() == 7);
  for (std::size_t i = 0; i < texts.size(); ++i)
    CHECK(out.vectors[i] == std::vector<float>{static_cast<float>(texts[i].size()), 1.5F});
  CHECK(out.usage == Usage{.requests = 3, .prompt_tokens = 7, .reported_total = 7});
  CHECK(transport->requests().size() == 3);
  CHECK(embedder.dimensions() == 2);
  CHECK(wait(embedder.embed({})).vectors.empty());
}

TEST_CASE("Batches end before they hold too many texts or tokens, and a long text goes alone") {
  using providers::embedding::batches_of;
  const std::vector<std::string> texts = {std::string(30, 'a'), std::string(30, 'b'), std::string(300, 'c'), "d"};
  CHECK(batches_of(texts, 0, 0) == std::vector<std::size_t>{4});
  CHECK(batches_of(texts, 2, 0) == std::vector<std::size_t>{2, 4});
  CHECK(batches_of(texts, 0, 22) == std::vector<std::size_t>{2, 3, 4});
  CHECK(batches_of(texts, 0, 1) == std::vector<std::size_t>{1, 2, 3, 4});
  CHECK(batches_of({}, 1, 1).empty());
}

TEST_CASE("Each provider is asked in its own words") {
  struct Case {
    std::string_view provider;
    std::string_view url;
    std::string body;
    std::string reply;
    std::optional<std::uint64_t> tokens;
  };
  const std::vector<Case> cases = {
      {"openai", "https://api.openai.com/v1/embeddings", R"({"model":"m","input":["x"],"dimensions":2})",
       R"({"data":[{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":3,"total_tokens":3}})", 3},
      {"voyage", "https://api.voyageai.com/v1/embeddings",
       R"({"model":"m","input":["x"],"input_type":"query","output_dimension":2})",
       R"({"data":[{"index":0,"embedding":[1,2]}],"usage":{"total_tokens":4}})", 4},
      {"jina", "https://api.jina.ai/v1/embeddings",
       R"({"model":"m","input":["x"],"task":"retrieval.query","dimensions":2})",
       R"({"data":[{"index":0,"embedding":[1,2]}],"usage":{"total_tokens":4}})", 4},
      {"cohere", "https://api.cohere.com/v2/embed",
       R"({"model":"m","texts":["x"],"input_type":"search_query","embedding_types":["float"],"output_dimension":2})",
       R"({"embeddings":{"float":[[1,2]]},"meta":{"billed_units":{"input_tokens":5}}})", 5},
      {"gemini", "https://generativelanguage.googleapis.com/v1beta/models/m:batchEmbedContents",
       R"({"requests":[{"model":"models/m","content":{"parts":[{"text":"x"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":2}]})",
       R"({"embeddings":[{"values":[1,2]}]})", std::nullopt},
      {"ollama", "http://localhost:11434/api/embed", R"({"model":"m","input":["x"],"truncate":false,"dimensions":2})",
       R"({"embeddings":[[1,2]],"prompt_eval_count":6})", 6},
  };
  for (const auto& [provider, url, body, reply, tokens] : cases) {
    CAPTURE(provider);
    const auto transport = std::make_shared<http::SimulatedTransport>();
    transport->reply({.body = reply});
    auto options = options_for(transport, provider);
    options.dimensions = 2;
    RemoteEmbedder embedder(provider, options);
    CHECK(embedder.dimensions() == 2);
    const auto out = wait(embedder.embed({.texts = {"x"}, .role = EmbedRole::query}));
    CHECK(out.vectors == std::vector<std::vector<float>>{{1, 2}});
    CHECK(out.usage.prompt_tokens == tokens);
    CHECK(transport->requests().at(0).url == url);
    CHECK(Json(sent(*transport)) == *parse_json(body));
  }
}

TEST_CASE("Replies that are not what was asked for are errors") {
  for (const auto* const body :
       {"", "{}", R"({"data":[]})", R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":7,"embedding":[1]}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]})",
        R"({"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[1]}]})",
        R"({"data":[{"index":0,"embedding":["1"]},{"index":1,"embedding":[1]}]})"}) {
    CAPTURE(body);
    const auto transport = std::make_shared<http::SimulatedTransport>();
    transport->reply({.body = body});
    RemoteEmbedder embedder("compatible", options_for(transport, "compatible"));
    const auto result = attempt([&] { return wait(embedder.embed({.texts = {"a", "b"}})); });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::unavailable);
  }
  const auto transport = std::make_shared<http::SimulatedTransport>();
  RemoteEmbedder embedder("openai", options_for(transport, "openai"));
  for (const auto* const text : {"", " \n", "\xFF"})
    CHECK(attempt([&] { return wait(embedder.embed({.texts = {"a", text}})); }).error().code() ==
          Errc::invalid_parameter);
  transport->reply({.status = 429,
                    .headers = {{"retry-after", "3"}},
                    .body = R"({"error": {"message": "slow", "code": "rate_limit_exceeded"}})"});
  const auto limited = attempt([&] { return wait(embedder.embed({.texts = {"a"}})); }).error();
  CHECK(limited.code() == Errc::rate_limit_exceeded);
  CHECK(limited.info().retry_after == std::chrono::seconds(3));
  CHECK(attempt([&] { return RemoteEmbedder("cohre", {.model = "m"}); }).error().what() ==
        std::string("`cohre` is not a provider that embeds texts; did you mean `cohere`?"));
}

TEST_CASE("Documents are ranked best first, and no other documents come back") {
  const auto transport = std::make_shared<http::SimulatedTransport>();
  transport->reply(
      {.body =
           R"({"results":[{"index":2,"relevance_score":0.1},{"index":0,"relevance_score":0.9},{"index":1,"relevance_score":0.9}],"usage":{"total_tokens":8}})"});
  transport->reply({.body = R"({"data":[{"index":1,"relevance_score":0.7}]})"});
  RemoteReranker jina("jina", options_for(transport, "jina"));
  const auto ranking = wait(jina.rank({.query = "q", .documents = {"a", "b", "c"}}));
  REQUIRE(ranking.documents.size() == 3);
  CHECK(ranking.documents[0].index == 0);
  CHECK(ranking.documents[1].index == 1);
  CHECK(ranking.documents[2].index == 2);
  CHECK(ranking.usage.prompt_tokens == 8U);
  RemoteReranker voyage("voyage", options_for(transport, "voyage"));
  CHECK(wait(voyage.rank({.query = "q", .documents = {"a", "b"}, .top = 1})).documents.at(0).index == 1);
  CHECK(transport->requests().at(1).url == "https://api.voyageai.com/v1/rerank");
  CHECK(Json(sent(*transport, 1)) == *parse_json(R"({"model":"m","query":"q","documents":["a","b"],"top_k":1})"));
  for (const auto* const body : {R"({"results":[{"index":5,"relevance_score":1}]})", R"({"results":[]})",
                                 R"({"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]})"}) {
    transport->reply({.body = body});
    CHECK(attempt([&] { return wait(jina.rank({.query = "q", .documents = {"a", "b"}})); }).error().code() ==
          Errc::unavailable);
  }
}
