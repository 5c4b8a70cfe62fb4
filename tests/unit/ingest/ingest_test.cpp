#include "dspy/retrieve/ingest/ingest.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/memory_store.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

/// A folder that is gone with the test.
struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "dspy-ingest-test";

  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
  }
};

/// Counts what it is asked for; a text with `too long` in it is.
class CountingEmbedder final : public Embedder {
 public:
  std::vector<std::string> texts;
  std::string name = "counting";

  std::string_view model() const noexcept override { return name; }
  std::size_t dimensions() const noexcept override { return 2; }
  Async<Embeddings> embed(EmbedRequest request) override {
    Embeddings out;
    for (const auto& text : request.texts) {
      if (text.contains("too long")) throw Error(Errc::context_too_long, "the text has 900 tokens where 512 fit");
      texts.push_back(text);
      out.vectors.push_back({1, static_cast<float>(text.size())});
    }
    co_return out;
  }
};

std::vector<Passage> all(const std::shared_ptr<Store>& store) {
  return wait(store->scan()).passages;
}

}  // namespace

TEST_CASE("A folder is read into a store, with places and headings") {
  const Folder folder;
  folder.write("a.md", "# Guide\n\nHello.\n\n## Setup\n\nInstall\nit.\n");
  folder.write("sub/b.csv", "text,source\nA row,web\n");
  folder.write(".hidden/c.md", "no");
  folder.write("d.bin", "no");
  const auto store = std::make_shared<MemoryStore>();
  const auto embedder = std::make_shared<CountingEmbedder>();

  const auto report = ingest(store, folder.path, {.embedder = embedder});

  CHECK(report.files == 2);
  CHECK(report.ignored == 1);
  CHECK(report.written == 2);
  CHECK(report.passages_written == 3);
  CHECK(report.failures.empty());
  const auto found = all(store);
  REQUIRE(found.size() == 3);
  const auto& setup = found[1];
  CHECK(setup.text == "## Setup\n\nInstall\nit.");
  CHECK(setup.source == (folder.path / "a.md").generic_string());
  CHECK(setup.metadata.at("headings") == "Guide > Setup");
  CHECK(setup.metadata.at("line") == 5);
  CHECK(setup.metadata.at("last_line") == 8);
  CHECK(found[2].metadata.at("column_source") == "web");
  CHECK(found[2].metadata.at("line") == 2);
  CHECK(embedder->texts[1].starts_with("Guide > Setup\n## Setup"));
  CHECK(to_json(report).at("passages_written") == 3);
}

TEST_CASE("A second ingestion costs what changed, and removes what is gone") {
  const Folder folder;
  folder.write("a.md", "one");
  folder.write("b.md", "two\n\n# H\n\nthree");
  folder.write("c.md", "four");
  const auto store = std::make_shared<MemoryStore>();
  const auto embedder = std::make_shared<CountingEmbedder>();
  ingest(store, folder.path, {.embedder = embedder});
  embedder->texts.clear();

  folder.write("b.md", "two");
  std::filesystem::remove(folder.path / "c.md");
  folder.write("e.md", "five");
  const auto report = ingest(store, folder.path, {.embedder = embedder});

  CHECK(report.unchanged == 1);
  CHECK(report.written == 2);
  CHECK(report.gone == 1);
  CHECK(report.passages_removed == 2);
  CHECK(embedder->texts == std::vector<std::string>{"two", "five"});
  CHECK(all(store).size() == 3);
  CHECK(ingest(store, folder.path, {.embedder = embedder}).unchanged == 3);
  // Other settings make other passages.
  CHECK(ingest(store, folder.path, {.chunk = {.tokens = 100}, .embedder = embedder}).written == 3);
  // Half of a file, as a killed process leaves it, is written again.
  folder.write("b.md", "two\n\n# H\n\nthree");
  ingest(store, folder.path, {.embedder = embedder});
  const auto of_b = wait(store->scan(Filter::eq("source", Json((folder.path / "b.md").generic_string())))).passages;
  wait(store->remove({of_b[0].id}));
  CHECK(ingest(store, folder.path, {.embedder = embedder}).written == 1);
}

TEST_CASE("A file that cannot be read or embedded is told of, and the rest goes on") {
  const Folder folder;
  folder.write("a.md", "fine");
  folder.write("b.txt", std::string_view("bi\0nary", 7));
  folder.write("c.md", "this is too long");
  folder.write("d.md", "fine too");
  const auto store = std::make_shared<MemoryStore>();
  std::vector<std::string> lines;

  const auto report = ingest(store, folder.path,
                             {.embedder = std::make_shared<CountingEmbedder>(),
                              .progress = [&](const IngestProgress& at) { lines.push_back(to_line(at)); }});

  CHECK(report.written == 2);
  REQUIRE(report.failures.size() == 2);
  CHECK(report.failures[0].source.ends_with("b.txt"));
  CHECK(report.failures[1].error.code() == Errc::context_too_long);
  CHECK(all(store).size() == 2);
  CHECK(lines.back().starts_with("4/4 files · 2 passages · 2 failed"));
  // What was there of a file stays until it can be read again.
  folder.write("a.md", std::string_view("\0", 1));
  CHECK(ingest(store, folder.path, {.embedder = std::make_shared<CountingEmbedder>()}).failures.size() == 3);
  CHECK(all(store).size() == 2);
}

TEST_CASE("What cannot be ingested is refused") {
  const Folder folder;
  folder.write("a.md", "one");
  const auto store = std::make_shared<MemoryStore>(StoreOptions{.embedder = "other|3"});
  CHECK_THROWS_AS(ingest(store, folder.path / "none"), Error);
  CHECK_THROWS_AS(ingest(nullptr, folder.path), Error);
  CHECK_THROWS_AS(ingest(store, folder.path, {.batch = 0}), Error);
  CHECK_THROWS_AS(ingest(store, folder.path, {.embedder = std::make_shared<CountingEmbedder>()}), Error);
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(ingest(store, folder.path, {.stop = stop.get_token()}), Error);
  CHECK(ingest(store, folder.path / "a.md").passages_written == 1);
}

TEST_CASE("A link that leads out of the folder is left out, and one within it is read") {
  const Folder folder;
  folder.write("docs/a.md", "Hello.");
  folder.write("secret.txt", "Not for the index.");
  std::filesystem::create_symlink(folder.path / "secret.txt", folder.path / "docs/out.txt");
  std::filesystem::create_symlink("a.md", folder.path / "docs/b.md");
  const auto store = std::make_shared<MemoryStore>();
  const auto report = ingest(store, folder.path / "docs");
  CHECK(report.files == 2);
  CHECK(report.ignored == 1);
  for (const auto& passage : all(store)) CHECK(passage.text == "Hello.");
}

TEST_CASE("Documents can join passages that somebody else has cut") {
  const Folder folder;
  folder.write("a.md", "Hello.");
  const auto store = std::make_shared<MemoryStore>();
  wait(store->upsert({{.id = "own", .text = "Cut by hand.", .metadata = {{"lang", "en"}}}}));
  CHECK(ingest(store, folder.path).passages_written == 1);
  CHECK(all(store).size() == 2);
}
