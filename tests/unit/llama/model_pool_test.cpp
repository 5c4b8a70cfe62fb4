#include "dspy/llama/model_pool.hpp"

#include "dspy/base/log.hpp"
#include "dspy/llama/memory_plan.hpp"
#include "fake_runtime.hpp"
#include "support.hpp"
#include "support/random_memories.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::FakeRuntime;

struct Fixture {
  FakeRuntime runtime;
  test::TempFolder folder;

  std::string file(std::string_view name) {
    const auto path = folder / name;
    fs::create_directories(fs::path(path).parent_path());
    test::RandomModel{}.write(path);
    return path;
  }
  ModelPool pool(std::uint64_t max_bytes = 0) {
    return ModelPool({.directories = {folder.path()}, .max_bytes = max_bytes, .runtime = &runtime});
  }
};

TEST_CASE_FIXTURE(Fixture, "a model is found by name, by file name and by path, and loaded once") {
  const auto path = file("small.gguf");
  file("maker/large.gguf");
  auto pool = this->pool();

  const auto model = pool.load("small");

  CHECK(pool.load("small.gguf") == model);
  CHECK(pool.load(path) == model);
  CHECK(pool.load("models/small.gguf") == model);  // another folder's path still names it
  CHECK(runtime.loads == 1);
  CHECK(pool.load("maker/large") == pool.load("large"));
  CHECK(runtime.loads == 2);
  CHECK(pool.find("large") == fs::path(folder / "maker/large.gguf"));
}

TEST_CASE_FIXTURE(Fixture, "other options for the same file are another model") {
  file("a.gguf");
  auto pool = this->pool();
  CHECK(pool.load("a") != pool.load("a", {.gpu_layers = 0}));
  CHECK(runtime.loads == 2);
}

TEST_CASE_FIXTURE(Fixture, "a model that is not there: the error says where it looked and what there is") {
  file("dspy-tiny.gguf");
  auto pool = this->pool();

  const auto error = error_of([&] { pool.load("dspy-tinny"); });

  CHECK(error.code() == Errc::model_not_found);
  const std::string message = error.what();
  CAPTURE(message);
  CHECK(message.contains(folder.path().string()));
  CHECK(message.contains("did you mean `dspy-tiny`?"));
  CHECK(error_of([&] { pool.load(""); }).code() == Errc::model_not_found);
  CHECK(std::string(error_of([&] { pool.load("/no/such/file.gguf"); }).what())
            .starts_with("there is no model file `/no/such/file.gguf`"));
}

TEST_CASE_FIXTURE(Fixture, "models are listed under the shortest names that load them, without their other parts") {
  for (const char* each : {"small/tiny-Q8_0.gguf", "small/mmproj-tiny.gguf", "pair/a.gguf", "pair/b.gguf",
                           "taken/inside.gguf", "taken.gguf", "deep/er/c.gguf"})
    file(each);
  auto pool = this->pool();
  std::vector<std::string> names;
  for (const auto& model : pool.list()) {
    if (!model.path.string().starts_with(folder.path().string())) continue;
    names.push_back(model.name);
    CHECK(pool.find(model.name) == model.path);
  }
  CHECK(names == std::vector<std::string>{"deep/er", "pair/a", "pair/b", "small", "taken", "taken/inside"});
}

TEST_CASE_FIXTURE(
    Fixture, "folders come from the options, from DSPY_MODELS, from ./models and from where models are pulled to") {
  ::setenv("DSPY_MODELS", "/one:/two:/one", 1);
  ::setenv("XDG_DATA_HOME", "/data", 1);
  const auto directories = pool().directories();
  ::unsetenv("DSPY_MODELS");
  ::unsetenv("XDG_DATA_HOME");
  CHECK(directories == std::vector<fs::path>{folder.path(), "/one", "/two", "models", "/data/dspy/models"});
}

TEST_CASE_FIXTURE(Fixture, "callers who want the same model at once share one load") {
  file("a.gguf");
  auto pool = this->pool();
  runtime.on_load = [] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); };
  std::vector<std::shared_ptr<const Model>> models(8);
  std::vector<std::thread> callers;
  std::latch start(8);
  for (auto& model : models) {
    callers.emplace_back([&] {
      start.arrive_and_wait();
      model = pool.load("a");
    });
  }
  for (auto& caller : callers) caller.join();

  CHECK(runtime.loads == 1);
  for (const auto& model : models) CHECK(model == models[0]);
}

TEST_CASE_FIXTURE(Fixture, "a failed load reaches all who waited, and the next call tries again") {
  file("a.gguf");
  auto pool = this->pool();
  runtime.on_load = [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    throw Error(Errc::model_load_error, "unknown model architecture: 'x'");
  };
  std::atomic<int> failures = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const auto error = error_of([&] { pool.load("a"); });
      failures += error.code() == Errc::model_load_error;
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(failures == 4);
  CHECK(pool.loaded_bytes() == 0);

  const auto error = error_of([&] { pool.load("a"); });
  CHECK(std::string(error.what()).contains("has the architecture `llama`, which libllama 0.0.fake does not know"));
  runtime.on_load = nullptr;
  CHECK(pool.load("a"));
}

TEST_CASE_FIXTURE(Fixture, "progress goes from 0 to 1, and can stop the load") {
  file("a.gguf");
  auto pool = this->pool();
  std::vector<double> seen;
  CHECK(error_of([&] {
          pool.load("a", {}, [&](double done) {
            seen.push_back(done);
            return done < 0.5;
          });
        }).code() == Errc::cancelled);
  CHECK(seen == std::vector<double>{0, 0.5});

  CHECK(pool.load("a", {}, [](double) { return true; }));
}

TEST_CASE_FIXTURE(Fixture, "memory is bounded: the model not used for longest goes, those in use stay") {
  const auto bytes = fs::file_size(file("a.gguf"));
  file("b.gguf");
  file("c.gguf");
  auto pool = this->pool(2 * bytes);
  const auto loaded = [&](std::string_view name) {
    for (const auto& model : pool.list()) {
      if (model.name == name) return model.loaded;
    }
    return false;
  };
  pool.load("a");
  pool.load("b");
  pool.load("a");  // so that b is the oldest
  pool.load("c");
  CHECK(loaded("a"));
  CHECK_FALSE(loaded("b"));
  CHECK(loaded("c"));
  CHECK(pool.loaded_bytes() == 2 * bytes);
  CHECK(runtime.live_models == 2);

  const auto a = pool.load("a");
  const auto c = pool.load("c");
  const auto error = error_of([&] { pool.load("b"); });
  CHECK(error.code() == Errc::model_load_error);
  CAPTURE(error.what());
  CHECK(std::string(error.what()).contains("in use by `c.gguf` and `a.gguf`"));

  auto small = this->pool(bytes - 1);
  CHECK(std::string(error_of([&] { small.load("a"); }).what()).contains("the pool may hold"));
}

TEST_CASE_FIXTURE(Fixture, "unloading frees the memory when nobody uses the model, and the next load reads it again") {
  file("a.gguf");
  auto pool = this->pool();
  CHECK_FALSE(pool.unload("a"));
  auto model = pool.load("a");

  CHECK(pool.unload("a"));
  CHECK(pool.loaded_bytes() == 0);
  CHECK(runtime.live_models == 1);
  model.reset();
  CHECK(runtime.live_models == 0);

  pool.load("a");
  CHECK(runtime.loads == 2);
  pool.unload_all();
  CHECK(runtime.live_models == 0);
  CHECK(error_of([&] { pool.unload("nothing"); }).code() == Errc::model_not_found);
}

TEST_CASE_FIXTURE(Fixture, "list shows every file with its size, and what is loaded and used") {
  file("b.gguf");
  file("a.gguf");
  file("part-00001-of-00002.gguf");
  file("part-00002-of-00002.gguf");
  std::ofstream(folder / "notes.txt") << "no model";
  test::TempFolder elsewhere;
  test::RandomModel{}.write(elsewhere / "far.gguf");
  auto pool = this->pool();
  const auto used = pool.load("a");
  pool.load(elsewhere / "far.gguf");

  std::vector<std::string> shown;
  for (const auto& model : pool.list()) {
    if (fs::path(model.path).parent_path() == "models") continue;  // the repository's own
    shown.push_back(std::format("{} {}{}", model.name, model.loaded ? "loaded" : "", model.in_use ? " used" : ""));
    CHECK(model.bytes > 0);
  }

  CHECK(shown == std::vector<std::string>{"a loaded used", "b ", "part-00001-of-00002 ", "far loaded"});
}

TEST_CASE_FIXTURE(Fixture, "engines are shared for equal options") {
  file("a.gguf");
  auto pool = this->pool();
  const auto model = pool.load("a");
  const auto first = pool.engine(model, {.context_length = 100});
  CHECK(pool.engine(model, {.context_length = 100}) == first);
  CHECK(pool.engine(model, {.context_length = 200}) != first);
}

TEST_CASE_FIXTURE(Fixture, "an engine is made once, and meanwhile the pool serves others") {
  file("a.gguf");
  auto pool = this->pool();
  const auto model = pool.load("a");
  std::latch is_made(1), may_end(1);
  runtime.on_context = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    is_made.count_down();
    may_end.wait();
  };
  std::vector<std::shared_ptr<Engine>> engines(3);
  {
    std::vector<std::jthread> callers;
    for (auto& engine : engines) callers.emplace_back([&] { engine = pool.engine(model, {.context_length = 100}); });
    is_made.wait();
    CHECK(pool.loaded_bytes() > 0);
    CHECK(pool.engine(model, {.context_length = 200}) != nullptr);
    may_end.count_down();
  }
  CHECK(engines[0] != nullptr);
  CHECK(engines[1] == engines[0]);
  CHECK(engines[2] == engines[0]);
  CHECK(runtime.contexts == 2);

  // One that cannot be made is not an engine for those who waited either, and the next caller tries again.
  runtime.on_context = [] { throw Error(Errc::backend_error, "no memory"); };
  CHECK(error_of([&] { pool.engine(model, {.context_length = 300}); }).code() == Errc::backend_error);
  runtime.on_context = {};
  CHECK(pool.engine(model, {.context_length = 300}) != nullptr);
}

TEST_CASE_FIXTURE(Fixture, "a log sink may look at the pool while that makes room") {
  const auto bytes = fs::file_size(file("a.gguf"));
  file("b.gguf");
  auto pool = this->pool(bytes * 3 / 2);
  pool.load("a");
  std::uint64_t loaded = 0;
  set_log_sink([&](LogLevel, std::string_view, std::string_view message) {
    if (message.starts_with("unloaded")) loaded = pool.loaded_bytes();
  });
  pool.load("b");
  set_log_sink({});
  CHECK(loaded > 0);
}

TEST_CASE_FIXTURE(Fixture, "the pool tells what went, and why") {
  const auto bytes = fs::file_size(file("a.gguf"));
  file("b.gguf");
  std::vector<ModelEviction> told;
  ModelPool pool({.directories = {folder.path()},
                  .max_bytes = bytes * 3 / 2,
                  .on_evict = [&](const ModelEviction& eviction) { told.push_back(eviction); },
                  .runtime = &runtime});
  pool.load("a");
  pool.load("b");
  REQUIRE(told.size() == 1);
  CHECK(told[0].path.filename() == "a.gguf");
  CHECK(told[0].bytes == bytes);
  CHECK(told[0].reason == ModelEviction::Reason::room);
  CHECK(told[0].wanted_by.ends_with("b.gguf"));
  CHECK(pool.unload("b"));
  REQUIRE(told.size() == 2);
  CHECK(told[1].reason == ModelEviction::Reason::asked);
  CHECK(runtime.live_models == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "engines and models share one bound of memory: what is idle goes, and what does not fit is refused") {
  const auto bytes = fs::file_size(file("a.gguf"));
  file("b.gguf");
  const EngineOptions options{.context_length = 512, .sequences = 1, .kv_tokens = 512};
  const auto engine = plan_memory(Model::load(folder / "a.gguf", {}, {}, &runtime)->info(), options).context();
  REQUIRE(bytes < engine);
  ModelPool pool(
      {.directories = {folder.path()}, .max_bytes = 4 * bytes, .max_memory = bytes + 2 * engine, .runtime = &runtime});
  pool.load("b");
  const auto model = pool.load("a");
  auto first = pool.engine(model, options);
  CHECK(pool.used_memory() == 2 * bytes + engine);
  CHECK(runtime.live_models == 2);

  // A second engine needs the idle model's room; for a third there is none.
  auto other = options;
  other.queue_limit = 7;
  const auto second = pool.engine(model, other);
  CHECK(pool.used_memory() == bytes + 2 * engine);
  CHECK(runtime.live_models == 1);
  other.queue_limit = 8;
  const auto error = error_of([&] { pool.engine(model, other); });
  CHECK(error.code() == Errc::model_load_error);
  CHECK(std::string_view(error.what()).contains("max_memory"));
  CHECK(error_of([&] { pool.load("b"); }).code() == Errc::model_load_error);

  first.reset();
  CHECK(pool.engine(model, other) != nullptr);
  CHECK(pool.used_memory() == bytes + engine);
  CHECK(pool.load("b") != nullptr);
}

TEST_CASE_FIXTURE(Fixture, "an engine of a model that keeps a state instead of tokens counts too") {
  test::state_model().write(folder / "state.gguf");
  const auto bytes = fs::file_size(folder / "state.gguf");
  const EngineOptions options{.context_length = 512, .sequences = 2, .kv_tokens = 512};
  const auto info = Model::load(folder / "state.gguf", {}, {}, &runtime)->info();
  REQUIRE(info.kv_elements == 0);
  const auto engine = plan_memory(info, options).context();
  REQUIRE(engine > 0);
  ModelPool pool({.directories = {folder.path()}, .max_memory = bytes + engine, .runtime = &runtime});
  const auto model = pool.load("state");
  const auto first = pool.engine(model, options);
  CHECK(pool.used_memory() == bytes + engine);
  auto other = options;
  other.queue_limit = 7;
  CHECK(error_of([&] { pool.engine(model, other); }).code() == Errc::model_load_error);
}

TEST_CASE_FIXTURE(Fixture, "the process's pool is one") {
  CHECK(ModelPool::shared() == ModelPool::shared());
}

TEST_CASE_FIXTURE(Fixture, "what is kept alive serves the next user, and goes when nobody came for so long") {
  file("a.gguf");
  ModelPool pool({.directories = {folder.path()}, .keep_alive = std::chrono::milliseconds(500), .runtime = &runtime});
  const auto* const first = pool.engine(pool.load("a")).get();
  CHECK(pool.engine(pool.load("a")).get() == first);
  CHECK(runtime.loads == 1);

  auto used = pool.engine(pool.load("a"));
  std::this_thread::sleep_for(std::chrono::milliseconds(900));
  CHECK(used.get() == first);  // in use, so it stays
  CHECK(runtime.live_models == 1);

  const std::weak_ptr<Engine> gone = used;
  used.reset();
  for (int i = 0; i < 1000 && runtime.live_models > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(gone.expired());
  CHECK(runtime.live_models == 0);
  CHECK(pool.loaded_bytes() == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is kept alive gives way to what is wanted") {
  const auto bytes = fs::file_size(file("a.gguf"));
  file("b.gguf");
  ModelPool pool({.directories = {folder.path()},
                  .max_bytes = bytes * 3 / 2,
                  .keep_alive = std::chrono::hours(1),
                  .runtime = &runtime});
  pool.engine(pool.load("a"));
  CHECK(runtime.live_models == 1);
  pool.engine(pool.load("b"));
  CHECK(runtime.live_models == 1);
  CHECK(pool.unload("b"));
  CHECK(runtime.live_models == 0);
  CHECK(error_of([] { ModelPool({.keep_alive = std::chrono::milliseconds(-1)}); }).code() == Errc::invalid_parameter);
}

}  // namespace
}  // namespace dspy::llama
