// A model that is here already: what is asked again, what is told of changes, and who gets the key.

#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/models/pull.hpp"
#include "dspy/models/store.hpp"
#include "mock_provider/exchange.hpp"
#include "pulling.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace dspy::models {
namespace {

using test::content_of;
using test::Hub;
using test::Pulling;

TEST_CASE_FIXTURE(Pulling, "a file of a plain address is asked for only if it has changed: one request, no bytes") {
  hub.files["m.gguf"].bytes = content_of(80'000);
  const auto address = hub.url() + "/store/m.gguf";
  CHECK(pull(address).fetched == 80'000);
  const auto before = hub.requests().size();

  const auto again = pull(address);

  CHECK(again.fetched == 0);
  CHECK(again.changes.empty());
  REQUIRE(hub.requests().size() == before + 1);
  CHECK(hub.requests().back().headers.contains("if-none-match"));
  CHECK(store.find("m") == again.model);

  SUBCASE("a server that knows no 304 is left before it has sent the file") {
    hub.knows_not_modified = false;
    CHECK(pull(address).fetched == 0);
    CHECK(hub.requests().size() == before + 2);
  }
  SUBCASE("another file there is fetched, and told as a change") {
    hub.files["m.gguf"].bytes = content_of(70'000, 'b');
    const auto changed = pull(address);
    CHECK(changed.fetched == 70'000);
    REQUIRE(changed.changes.size() == 1);
    CHECK(changed.changes[0].before->sha256 == sha256(content_of(80'000)));
    CHECK(changed.changes[0].after->sha256 == sha256(content_of(70'000, 'b')));
    CHECK(pull(address).fetched == 0);
  }
  SUBCASE("a file that was lost is fetched again") {
    std::filesystem::remove(folder.path / "models" / "m" / "m.gguf");
    CHECK(pull(address).fetched == 80'000);
  }
}

TEST_CASE_FIXTURE(Pulling, "the hub's digest in a redirect is enough to know that a file is the same") {
  hub.files["m.gguf"].bytes = content_of(50'000);
  hub.links_digests = true;
  const auto address = hub.url() + "/o/r/resolve/main/m.gguf";
  CHECK(pull(address).fetched == 50'000);
  const auto before = hub.requests().size();
  CHECK(pull(address).fetched == 0);
  CHECK(hub.requests().size() == before + 1);
}

TEST_CASE_FIXTURE(Pulling,
                  "a file that changes between two of its parts is noticed, whatever the server says to If-Range") {
  SUBCASE("one that sends the whole then") {}
  SUBCASE("one that sends the part all the same") {
    hub.heeds_if_range = false;
  }
  hub.files["m.gguf"].bytes = content_of(90'000, 'a');
  hub.trouble = [&](std::size_t count, mock::Reply& reply) {
    if (count > 0) return;
    reply.delivery.closes_after = 40'000;
    hub.files["m.gguf"].bytes = content_of(90'000, 'k');
  };
  pull(hub.url() + "/store/m.gguf");
  const bool is_new = read("m/m.gguf") == content_of(90'000, 'k');
  CHECK(is_new);
}

TEST_CASE_FIXTURE(Pulling, "an update tells what is new, changed and gone, and the revision before") {
  hub.files["m-Q8_0.gguf"].bytes = content_of(1000, 'a');
  hub.files["mmproj-f16.gguf"].bytes = content_of(700, 'b');
  const auto first = pull();
  CHECK_FALSE(first.before.has_value());
  CHECK(first.changes.size() == 2);
  hub.revision = "rev2";
  hub.files["m-Q8_0.gguf"].bytes = content_of(1200, 'd');
  hub.files.erase("mmproj-f16.gguf");

  const auto updated = pull();

  CHECK(updated.before == first.model);
  REQUIRE(updated.changes.size() == 2);
  CHECK(updated.changes[0] ==
        FileChange{.name = "m-Q8_0.gguf", .before = first.model.files[0], .after = updated.model.files[0]});
  CHECK(updated.changes[1] == FileChange{.name = "mmproj-f16.gguf", .before = first.model.files[1]});
}

TEST_CASE_FIXTURE(Pulling, "a repository that was renamed is found where the hub says it is") {
  hub.files["m.gguf"].bytes = content_of(1000);
  hub.token = "key";
  hub.answers_moved = "/api/models/o/new?blobs=true";
  CHECK(pull().fetched == 1000);
}

TEST_CASE_FIXTURE(Pulling, "the key goes to the hub's own origin and to no other, wherever redirects lead") {
  Hub elsewhere;
  elsewhere.files["m.gguf"].bytes = content_of(1000);
  hub.files = elsewhere.files;
  hub.token = "key";
  const auto saw_key = [&] {
    const auto requests = elsewhere.requests();
    return std::ranges::any_of(requests, [](const auto& each) { return each.headers.contains("authorization"); });
  };
  SUBCASE("for a file") {
    hub.store_url = elsewhere.url();
    CHECK(pull().fetched == 1000);
  }
  SUBCASE("for a repository's description") {
    hub.answers_moved = elsewhere.url() + "/api/models/o/r?blobs=true";
    CHECK(pull().fetched == 1000);
  }
  SUBCASE("for an address that is not the hub's") {
    CHECK(pull(elsewhere.url() + "/store/m.gguf").fetched == 1000);
  }
  CHECK_FALSE(elsewhere.requests().empty());
  CHECK_FALSE(saw_key());
}

TEST_CASE_FIXTURE(Pulling, "a description that leads round in circles is an error that says what to set") {
  hub.answers_moved = "/api/models/o/r";
  const auto error = failure();
  CHECK(error.code() == Errc::unavailable);
  CHECK(std::string_view(error.what()).contains("HF_ENDPOINT"));
}

TEST_CASE_FIXTURE(Pulling, "a registry's model comes with its licence, which is asked for once") {
  hub.files["m.gguf"].bytes = content_of(1000);
  const auto pulled = pull("ollama:qwen3:4b");
  CHECK(pulled.model.license == "MIT License");
  CHECK(read("qwen3-4b/qwen3-4b.gguf") == content_of(1000));
  const auto before = hub.requests().size();
  CHECK(pull("ollama:qwen3:4b").changes.empty());
  CHECK(hub.requests().size() == before + 1);
}

TEST_CASE_FIXTURE(Pulling, "a registry that is not reached is named with the variable that names another") {
  auto options = this->options();
  options.ollama = "http://127.0.0.1:1";
  const auto offline = attempt([&] { return wait(models::pull("ollama:qwen3", Catalogue(), store, options)); });
  REQUIRE_FALSE(offline.has_value());
  CHECK(std::string_view(offline.error().what()).contains("OLLAMA_ENDPOINT"));
  CHECK_FALSE(std::string_view(offline.error().what()).contains("HF_ENDPOINT"));
}

}  // namespace
}  // namespace dspy::models
