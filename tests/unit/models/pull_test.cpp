#include "dspy/models/pull.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/models/catalogue.hpp"
#include "dspy/models/store.hpp"
#include "mock_provider/exchange.hpp"
#include "pulling.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

namespace dspy::models {
namespace {

namespace fs = std::filesystem;
using test::content_of;
using test::Pulling;

TEST_CASE_FIXTURE(Pulling, "a model is fetched, checked, kept with its licence, and found") {
  hub.files["m-Q8_0.gguf"].bytes = content_of(100'000);
  const auto pulled = pull();
  CHECK(pulled.fetched == 100'000);
  CHECK(pulled.model.name == "r");
  CHECK(pulled.model.license == "mit");
  CHECK(pulled.model.revision == "rev1");
  CHECK(read("r/m-Q8_0.gguf") == content_of(100'000));
  CHECK(store.find("r") == pulled.model);
  CHECK(store.list().size() == 1);
  CHECK(pulled.model.main_file() == folder.path / "models" / "r" / "m-Q8_0.gguf");
  CHECK_FALSE(fs::exists(folder.path / "models" / "r" / "m-Q8_0.gguf.part"));
  CHECK(pull().fetched == 0);
  store.remove("r");
  CHECK(store.list().empty());
  CHECK_FALSE(fs::exists(folder.path / "models" / "r"));
}

TEST_CASE_FIXTURE(Pulling, "a connection that is cut again and again gives the whole file, each byte once") {
  hub.files["m.gguf"].bytes = content_of(200'000);
  hub.trouble = [](std::size_t count, mock::Reply& reply) {
    if (count < 6) reply.delivery.closes_after = 20'000;
    if (count == 3) reply.delivery = {.resets_before_header = true};
  };
  const auto pulled = pull();
  CHECK(pulled.fetched == 200'000);
  CHECK(read("r/m.gguf") == content_of(200'000));
}

TEST_CASE_FIXTURE(Pulling, "what came before a pull was given up is not fetched again by the next") {
  hub.files["m.gguf"].bytes = content_of(200'000);
  hub.trouble = [](std::size_t count, mock::Reply& reply) {
    if (count == 0) reply.delivery.closes_after = 50'000;
    if (count > 0) reply = {.status = 503};
  };
  CHECK(failure().code() == Errc::unavailable);
  hub.trouble = {};
  const auto pulled = pull();
  CHECK(pulled.fetched > 0);
  CHECK(pulled.fetched < 155'000);
  CHECK(read("r/m.gguf") == content_of(200'000));
}

TEST_CASE_FIXTURE(Pulling, "damage on the way is found, and mended once") {
  hub.files["m.gguf"].bytes = content_of(50'000);
  hub.trouble = [](std::size_t count, mock::Reply& reply) {
    if (count == 0) reply.parts.front()[1000] ^= 1;
  };
  CHECK(pull().fetched == 100'000);
  CHECK(read("r/m.gguf") == content_of(50'000));
}

TEST_CASE_FIXTURE(Pulling, "a file with another digest than promised is never kept") {
  hub.files["m.gguf"] = {.bytes = content_of(50'000), .lies = true};
  const auto error = failure();
  CHECK(error.code() == Errc::stream_broken);
  CHECK(std::string_view(error.what()).contains("SHA-256"));
  CHECK_FALSE(fs::exists(folder.path / "models" / "r" / "m.gguf"));
  CHECK(store.list().empty());
}

TEST_CASE_FIXTURE(Pulling, "a server that ignores ranges, or has another length, is coped with or refused") {
  hub.files["m.gguf"].bytes = content_of(60'000);
  hub.trouble = [&](std::size_t count, mock::Reply& reply) {
    if (count == 0) reply.delivery.closes_after = 20'000;
    if (count == 1) reply = {.parts = {content_of(60'000)}};
  };
  CHECK(pull().fetched > 60'000);
  CHECK(read("r/m.gguf") == content_of(60'000));

  store.remove("r");
  hub.trouble = [](std::size_t, mock::Reply& reply) { reply.parts.front() += "more"; };
  CHECK(failure().code() == Errc::stream_broken);
}

TEST_CASE_FIXTURE(Pulling, "a model in parts comes as a whole, with its image part; a part that is missing is told") {
  hub.files["m-00001-of-00002.gguf"].bytes = content_of(1000, 'a');
  hub.files["m-00002-of-00002.gguf"].bytes = content_of(2000, 'b');
  hub.files["mmproj-model-f16.gguf"].bytes = content_of(500, 'c');
  const auto pulled = pull();
  CHECK(pulled.model.files.size() == 3);
  CHECK(pulled.model.bytes() == 3500);
  CHECK(pulled.model.main_file().filename() == "m-00001-of-00002.gguf");
  hub.files.erase("m-00002-of-00002.gguf");
  hub.revision = "rev2";
  CHECK(failure().code() == Errc::model_not_found);
  CHECK(store.find("r").has_value());
}

TEST_CASE_FIXTURE(Pulling, "an update fetches what has changed, and takes away what is gone") {
  hub.files["m-Q8_0.gguf"].bytes = content_of(1000, 'a');
  hub.files["mmproj-f16.gguf"].bytes = content_of(700, 'b');
  pull();
  hub.revision = "rev2";
  CHECK(pull().fetched == 0);
  hub.files["m-Q8_0.gguf"].bytes = content_of(1200, 'd');
  hub.files.erase("mmproj-f16.gguf");
  const auto updated = pull();
  CHECK(updated.fetched == 1200);
  CHECK(updated.model.revision == "rev2");
  CHECK(read("r/m-Q8_0.gguf") == content_of(1200, 'd'));
  CHECK_FALSE(fs::exists(folder.path / "models" / "r" / "mmproj-f16.gguf"));
}

TEST_CASE_FIXTURE(Pulling, "the same model pulled twice at once is fetched once") {
  hub.files["m.gguf"].bytes = content_of(300'000);
  hub.trouble = [](std::size_t, mock::Reply& reply) {
    reply.delivery.piece_bytes = 30'000;
    reply.delivery.part_delay = std::chrono::milliseconds(5);
  };
  auto [first, second] = wait(when_all(models::pull("hf:o/r", Catalogue(), store, options()),
                                       models::pull("hf:o/r", Catalogue(), store, options())));
  CHECK(first.fetched + second.fetched == 300'000);
  CHECK(first.model.files == second.model.files);
}

TEST_CASE_FIXTURE(Pulling, "keys go to the hub and nowhere else; without one, a gated model says what to do") {
  hub.files["m.gguf"].bytes = content_of(1000);
  hub.token = "key";
  CHECK(pull().fetched == 1000);
  hub.token = "another";
  const auto error = failure();
  CHECK(error.code() == Errc::authentication_failed);
  CHECK(std::string_view(error.what()).contains("HF_TOKEN"));
  CHECK_FALSE(std::string_view(error.what()).contains("key "));
}

TEST_CASE_FIXTURE(Pulling, "what is not there, is a page, or lies offline is told with a remedy") {
  CHECK(failure("hf:o/other").code() == Errc::model_not_found);
  CHECK(failure("nothing").code() == Errc::model_not_found);
  hub.files["m.gguf"].bytes = "<html>Not what you want</html>";
  CHECK(failure().code() == Errc::model_load_error);
  CHECK_FALSE(fs::exists(folder.path / "models" / "r" / "m.gguf"));
  auto options = this->options();
  options.hugging_face = "http://127.0.0.1:1";
  const auto offline = attempt([&] { return wait(models::pull("hf:o/r", Catalogue(), store, options)); });
  REQUIRE_FALSE(offline.has_value());
  CHECK(offline.error().code() == Errc::unavailable);
  CHECK(std::string_view(offline.error().what()).contains("offline"));
}

TEST_CASE_FIXTURE(Pulling, "a disk without room for all parts is told before the first of them is fetched") {
  hub.files["m-00001-of-00002.gguf"].bytes = content_of(100'000);
  hub.files["m-00002-of-00002.gguf"] = {.bytes = content_of(100'000), .told_size = 1'000'000'000'000'000};
  const auto error = failure();
  CHECK(error.code() == Errc::io_error);
  CHECK(std::string_view(error.what()).contains("but 1000000.07 GB are needed; free some space"));
  CHECK(std::ranges::none_of(hub.requests(),
                             [](const mock::Request& request) { return request.path.contains("/resolve/"); }));
  hub.files["m-00002-of-00002.gguf"].told_size.reset();
  CHECK(pull().fetched == 200'000);
}

TEST_CASE_FIXTURE(Pulling, "a name of the catalogue brings its own digest, and another model does not take its place") {
  hub.files["m.gguf"].bytes = content_of(1000);
  Catalogue catalogue;
  catalogue.add({.name = "mine", .source = "hf:o/r:m.gguf", .license = "MIT-0", .sha256 = sha256(content_of(1000))});
  const auto pulled = wait(models::pull("mine", catalogue, store, options()));
  CHECK(pulled.model.name == "mine");
  CHECK(pulled.model.license == "MIT-0");
  CHECK(pulled.model.source == "mine");
  auto other = options();
  other.name = "mine";
  const auto result = attempt([&] { return wait(models::pull("hf:o/r", catalogue, store, other)); });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::invalid_parameter);
  catalogue.add({.name = "wrong", .source = "hf:o/r:m.gguf", .sha256 = std::string(64, 'f')});
  const auto wrong = attempt([&] { return wait(models::pull("wrong", catalogue, store, options())); });
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().code() == Errc::stream_broken);
}

TEST_CASE_FIXTURE(Pulling, "stopping keeps what came") {
  hub.files["m.gguf"].bytes = content_of(2'000'000);
  hub.trouble = [](std::size_t, mock::Reply& reply) {
    reply.delivery.piece_bytes = 50'000;
    reply.delivery.part_delay = std::chrono::milliseconds(5);
  };
  std::stop_source stop;
  auto options = this->options();
  options.stop = stop.get_token();
  options.progress = [&](const PullProgress& progress) {
    if (progress.done > 500'000) stop.request_stop();
  };
  const auto result = attempt([&] { return wait(models::pull("hf:o/r", Catalogue(), store, options)); });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::cancelled);
  hub.trouble = {};
  CHECK(pull().fetched < 1'600'000);
  CHECK(read("r/m.gguf") == content_of(2'000'000));
}

}  // namespace
}  // namespace dspy::models
