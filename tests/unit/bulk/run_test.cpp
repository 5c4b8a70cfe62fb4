#include "dspy/bulk/run.hpp"

#include "bulk/part_folder.hpp"
#include "dspy/base/error.hpp"
#include "dspy/bulk/merge.hpp"
#include "dspy/bulk/version.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"
#include "support/child.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <format>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;

namespace {

/// Answers with the question in capitals, and counts how often each was asked.
struct Shouting {
  std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);
  Signature signature = Signature::parse("question -> answer");
  Program program;

  explicit Shouting(std::function<std::string(const std::string& question)> say = {})
      : program(Predictor(signature,
                          {.lm = std::make_shared<ScriptedLM>(
                               std::function<std::string(const Request&)>([calls = calls, say](const Request& request) {
                                 ++*calls;
                                 const auto text = request.messages.back().text();
                                 const auto begin = text.find("row ");
                                 const auto end = text.find_first_of(" \n", begin + 4);
                                 const auto row = text.substr(begin, end - begin);
                                 return "Answer: " + (say ? say(row) : row + "!");
                               }),
                               "shouting")})) {
    program.for_each_predictor(
        [](const std::string&, Predictor& predictor) { dynamic_cast<ScriptedLM&>(*predictor.lm()).remember(false); });
  }

  BulkJob job(const std::filesystem::path& inputs, const std::filesystem::path& out) const {
    return {.signature = signature, .version = program_version(program), .inputs = inputs, .out = out};
  }
};

std::string rows(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += std::format("{{\"question\": \"row {}\"}}\n", i);
  return out;
}

std::vector<JsonObject> lines_of(const std::filesystem::path& file) {
  std::vector<JsonObject> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) out.push_back(parse_json(line).value().as_object());
  return out;
}

/// That `merged` has rows 0 … count - 1, once each and in order.
void check_all(const std::filesystem::path& merged, int count) {
  const auto lines = lines_of(merged);
  REQUIRE(lines.size() == static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    CHECK(lines[static_cast<std::size_t>(i)].at("outputs").at("answer").as_string() == std::format("row {}!", i));
}

Errc code_of(const std::function<void()>& work, std::string_view expected = {}) {
  try {
    work();
  } catch (const Error& error) {
    CAPTURE(error.what());
    CHECK(std::string_view(error.what()).find(expected) != std::string_view::npos);
    return error.code();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("The shards of a run divide its rows, and merge into the inputs' order") {
  for (const auto* const rule : {"range", "row", "hash:question"}) {
    CAPTURE(rule);
    const test::Folder folder;
    const Shouting shouting;
    const auto job = shouting.job(folder.write("in.jsonl", rows(101)), folder.path / "out");
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < 7; ++i) {
      const auto report = run_bulk(shouting.program, job,
                                   {.shard = {.index = i, .count = 7}, .rule = ShardRule::parse(rule), .part_rows = 4});
      CHECK(report.is_complete);
      sum += report.rows;
    }
    CHECK(sum == 101);
    CHECK(*shouting.calls == 101);
    const auto merged = merge_bulk(job.out, folder.path / "all.jsonl");
    CHECK(merged.rows == 101);
    check_all(folder.path / "all.jsonl", 101);
  }
}

TEST_CASE("A run that was stopped goes on where it was, and asks nothing twice") {
  const test::Folder folder;
  const Shouting shouting;
  const auto job = shouting.job(folder.write("in.jsonl", rows(50)), folder.path / "out");
  auto report = run_bulk(shouting.program, job, {.part_rows = 8, .max_rows = 20});
  CHECK(report.rows == 20);
  CHECK_FALSE(report.is_complete);
  REQUIRE(report.stopped);
  CHECK(report.stopped->code() == Errc::cancelled);

  CHECK(code_of([&] { run_bulk(shouting.program, job); }, "--resume") == Errc::config_error);
  CHECK(code_of([&] { merge_bulk(job.out, folder.path / "all.jsonl"); }, "not complete") == Errc::config_error);
  CHECK(bulk_status(job.out).at(0).state == "stopped");

  report = run_bulk(shouting.program, job, {.resume = true, .part_rows = 8});
  CHECK(report.rows == 30);
  CHECK(report.resumed == 20);
  CHECK(report.is_complete);
  CHECK(*shouting.calls == 50);
  CHECK(bulk_status(job.out).at(0).state == "complete");
  merge_bulk(job.out, folder.path / "all.jsonl");
  check_all(folder.path / "all.jsonl", 50);
}

TEST_CASE("A run that is killed at any moment loses no finished row and answers none twice") {
  const test::Folder folder;
  const auto inputs = folder.write("in.jsonl", rows(3'000));
  const auto out = folder.path / "out";
  test::kill_at_random_moments(
      12,
      [&] {
        const Shouting shouting;
        run_bulk(shouting.program, shouting.job(inputs, out), {.resume = true, .part_rows = 64});
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      },
      [] {});
  const Shouting shouting;
  const auto report = run_bulk(shouting.program, shouting.job(inputs, out), {.resume = true, .part_rows = 64});
  CHECK(report.rows + report.resumed == 3'000);
  CHECK(static_cast<std::uint64_t>(*shouting.calls) == report.rows);
  merge_bulk(out, folder.path / "all.jsonl");
  check_all(folder.path / "all.jsonl", 3'000);
  std::map<std::uint64_t, int> written;
  for (const auto& part : bulk::part_files(bulk::shard_folder(out, 0)))
    bulk::each_line(part, [&](std::string_view line) { ++written[bulk::row_head(line).value().at]; });
  CHECK(written.size() == 3'000);
  for (const auto& [at, times] : written) CHECK(times == 1);
}

TEST_CASE("The folder of another run is refused, and what differs is named") {
  const test::Folder folder;
  const Shouting shouting;
  const auto inputs = folder.write("in.jsonl", rows(5));
  auto job = shouting.job(inputs, folder.path / "out");
  run_bulk(shouting.program, job);
  const BulkOptions resume{.resume = true};
  auto other = job;
  other.version = "another";
  CHECK(code_of([&] { run_bulk(shouting.program, other, resume); }, "the program") == Errc::config_error);
  CHECK(code_of([&] { run_bulk(shouting.program, job, {.shard = {.index = 1, .count = 2}}); }, "1 there, 2 here") ==
        Errc::config_error);
  folder.write("in.jsonl", rows(6));
  CHECK(code_of([&] { run_bulk(shouting.program, job, resume); }, "the inputs") == Errc::config_error);
  other = job;
  other.out = folder.path;
  CHECK(code_of([&] { run_bulk(shouting.program, other); }, "is not a run's folder") == Errc::config_error);
}

TEST_CASE("A shard that another process has is refused") {
  const test::Folder folder;
  const Shouting shouting;
  const auto job = shouting.job(folder.write("in.jsonl", rows(5)), folder.path / "out");
  run_bulk(shouting.program, job, {.shard = {.index = 0, .count = 2}});
  const bulk::PartFolder held(bulk::shard_folder(job.out, 1), 10, Clock::real());
  CHECK(code_of([&] { run_bulk(shouting.program, job, {.shard = {.index = 1, .count = 2}}); },
                "another process (process ") == Errc::config_error);
}

TEST_CASE("A row that fails ends no other; what passes is asked again, what would come again is not") {
  const test::Folder folder;
  int tries = 0;
  const Shouting shouting([&](const std::string& row) {
    if (row == "row 3") throw Error(Errc::context_too_long, "too long");
    if (row == "row 4" && ++tries == 1) throw Error(Errc::timeout, "no answer");
    return row + "!";
  });
  const auto job = shouting.job(folder.write("in.jsonl", rows(6) + "no json\n"), folder.path / "out");
  auto report = run_bulk(shouting.program, job, {.concurrency = 1});
  CHECK(report.rows == 7);
  CHECK(report.failed == 2);
  CHECK(report.again == 1);
  CHECK_FALSE(report.is_complete);
  report = run_bulk(shouting.program, job, {.resume = true});
  CHECK(report.rows == 1);
  CHECK(report.resumed == 6);
  CHECK(report.failed == 2);
  CHECK(report.is_complete);
  const auto merged = merge_bulk(job.out, folder.path / "all.csv", {.with_inputs = true});
  CHECK(merged.rows == 7);
  CHECK(merged.failed == 2);
  CHECK(merged.missing == 0);
  const auto text = folder.read("all.csv");
  CHECK(text.starts_with("question,answer,error,at\r\nrow 0,row 0!,,0\r\n"));
  CHECK(text.find("row 3,,too long,") != std::string::npos);
  CHECK(text.find("the row on line 7 is not JSON") != std::string::npos);
  report = run_bulk(shouting.program, job, {.resume = true, .retry_failed = true});
  CHECK(report.rows == 2);
}

TEST_CASE("An error that all rows would meet ends the run") {
  const test::Folder folder;
  const Shouting shouting([](const std::string& row) -> std::string {
    if (row == "row 2") throw Error(Errc::billing_error, "no money");
    return row + "!";
  });
  const auto job = shouting.job(folder.write("in.jsonl", rows(100)), folder.path / "out");
  const auto report = run_bulk(shouting.program, job, {.concurrency = 1});
  CHECK(report.rows == 3);
  REQUIRE(report.stopped);
  CHECK(report.stopped->code() == Errc::billing_error);
}

TEST_CASE("Half a line at the end of a part is dropped; a damaged part is told") {
  const test::Folder folder;
  const Shouting shouting;
  const auto job = shouting.job(folder.write("in.jsonl", rows(10)), folder.path / "out");
  run_bulk(shouting.program, job, {.part_rows = 4, .max_rows = 6});
  const auto shard = job.out / "shard-00000";
  const auto part = shard / "part-000001.jsonl";
  REQUIRE(std::filesystem::exists(part));
  std::filesystem::rename(part, shard / "open.jsonl");
  auto text = folder.read("out/shard-00000/open.jsonl");
  text.insert(text.find('\n') + 1, "damaged\n");
  std::ofstream(shard / "open.jsonl") << text << R"({"at":99,"sum":"00)";
  const auto report = run_bulk(shouting.program, job, {.resume = true, .part_rows = 4});
  CHECK(report.resumed == 6);
  CHECK(report.rows == 4);
  std::ofstream(shard / "part-000000.jsonl", std::ios::app) << "what is this\n";
  CHECK(code_of([&] { run_bulk(shouting.program, job, {.resume = true}); }, "damaged") == Errc::io_error);
}

TEST_CASE("CSV rows take the types of the signature") {
  const test::Folder folder;
  const auto signature = Signature::parse("text, n: int -> answer");
  const Program program(Predictor(
      signature, {.lm = std::make_shared<ScriptedLM>(
                      std::function<std::string(const Request&)>([](const Request&) { return "Answer: x"; }))}));
  const BulkJob job{.signature = signature,
                    .version = program_version(program),
                    .inputs = folder.write("in.csv", "text,n\n\"a, b\",1\nc,many\n"),
                    .out = folder.path / "out"};
  const auto report = run_bulk(program, job);
  CHECK(report.rows == 2);
  CHECK(report.failed == 1);
}

TEST_CASE("A row's key does not depend on the order of its members, and does on everything else") {
  const auto key = [](std::string_view version, std::string_view text) {
    return idempotency_key(version, parse_json(text).value().as_object());
  };
  CHECK(key("v", R"({"a":1,"b":{"c":[1,2],"d":"x"}})") == key("v", R"({"b":{"d":"x","c":[1,2]},"a":1})"));
  CHECK(key("v", R"({"a":[1,2]})") != key("v", R"({"a":[2,1]})"));
  CHECK(key("v", R"({"a":1})") != key("w", R"({"a":1})"));
  CHECK(key("v", R"({"a":1})") != key("v", R"({"a":1.0})"));
}

TEST_CASE("A merge writes over neither the inputs nor what the run wrote") {
  const test::Folder folder;
  const Shouting shouting;
  const auto job = shouting.job(folder.write("in.jsonl", rows(5)), folder.path / "out");
  run_bulk(shouting.program, job);
  const auto before = folder.read("in.jsonl");
  std::filesystem::create_symlink(job.inputs, folder.path / "link.jsonl");
  std::filesystem::copy_file(job.inputs, folder.path / "copy.jsonl");
  for (const auto* const name : {"in.jsonl", "link.jsonl", "copy.jsonl"}) {
    CAPTURE(name);
    CHECK(code_of([&] { merge_bulk(job.out, folder.path / name, {.partial = true}); }, "the run's inputs") ==
          Errc::bad_input);
  }
  CHECK(folder.read("in.jsonl") == before);
  for (const auto* const name : {"shard-00000/part-000000.jsonl", "shard-00000/x.csv", "batch/replies.jsonl"})
    CHECK(code_of([&] { merge_bulk(job.out, job.out / name); }, "own files") == Errc::bad_input);
  CHECK(merge_bulk(job.out, job.out / "all.jsonl").rows == 5);
}

TEST_CASE("A complete run that lacks rows is told with the counts, and asks for them again") {
  const test::Folder folder;
  const Shouting shouting;
  const auto job = shouting.job(folder.write("in.jsonl", rows(10)), folder.path / "out");
  run_bulk(shouting.program, job, {.part_rows = 4});
  std::filesystem::remove(job.out / "shard-00000/part-000001.jsonl");
  const auto status = bulk_status(job.out).at(0);
  CHECK(status.state == "damaged");
  CHECK(status.rows == 6);
  CHECK(status.expected == 10);
  CHECK(code_of([&] { merge_bulk(job.out, folder.path / "all.jsonl"); }, "6 of its 10 rows") == Errc::config_error);
  CHECK_FALSE(std::filesystem::exists(folder.path / "all.jsonl"));
  const auto partial = merge_bulk(job.out, folder.path / "all.jsonl", {.partial = true});
  CHECK(partial.rows == 6);
  CHECK(partial.missing == 4);
  const auto report = run_bulk(shouting.program, job, {.resume = true, .part_rows = 4});
  CHECK(report.rows == 4);
  CHECK(report.resumed == 6);
  merge_bulk(job.out, folder.path / "all.jsonl");
  check_all(folder.path / "all.jsonl", 10);
}

TEST_CASE("The status of a run whose process was killed counts the rows that it wrote") {
  const test::Folder folder;
  const Shouting shouting;
  const auto job = shouting.job(folder.write("in.jsonl", rows(10)), folder.path / "out");
  run_bulk(shouting.program, job, {.part_rows = 100});
  const auto shard = job.out / "shard-00000";
  std::filesystem::rename(shard / "part-000000.jsonl", shard / "open.jsonl");
  std::ofstream(shard / "progress.json") << R"({"state":"running","rows":0})";
  const auto status = bulk_status(job.out).at(0);
  CHECK(status.state == "lost");
  CHECK(status.rows == 10);
}

TEST_CASE("Merged rows are one line each and name their place, and cells keep their types") {
  const test::Folder folder;
  const Shouting shouting;
  const auto job =
      shouting.job(folder.write("in.JSONL", "{\"question\": \"row 0\"}\r\n\r\nno json\r\n"), folder.path / "out");
  run_bulk(shouting.program, job);
  CHECK(merge_bulk(job.out, folder.path / "all.jsonl", {.with_inputs = true}).rows == 2);
  CHECK_FALSE(folder.read("all.jsonl").contains('\r'));
  const auto lines = lines_of(folder.path / "all.jsonl");
  CHECK(lines.at(1).at("line") == Json(3));
  CHECK(lines.at(1).at("at") == Json(25));

  const auto signature = Signature::parse("text, n: int, tags: list[str] -> answer");
  const Program program(Predictor(
      signature, {.lm = std::make_shared<ScriptedLM>(
                      std::function<std::string(const Request&)>([](const Request&) { return "Answer: x"; }))}));
  const BulkJob typed{.signature = signature,
                      .version = program_version(program),
                      .inputs = folder.write("in.csv", "text,n,tags\n7,1,\"[\"\"a\"\"]\"\n\xff,2,[]\nb\nc\n"),
                      .out = folder.path / "typed"};
  run_bulk(program, typed);
  merge_bulk(typed.out, folder.path / "typed.jsonl", {.with_inputs = true});
  const auto cells = lines_of(folder.path / "typed.jsonl");
  CHECK(cells.at(0).at("inputs") == Json(JsonObject{{"text", "7"}, {"n", 1}, {"tags", JsonArray{"a"}}}));
  const auto message = [&](std::size_t i) { return std::string(cells.at(i).at("error").at("message").as_string()); };
  CHECK(message(1).starts_with("the row on line 3 holds a byte that is not UTF-8 in the column `text`"));
  CHECK(message(2) == "the row on line 4 has 1 cells, and the header 3");
  CHECK(cells.at(2).at("key") != cells.at(3).at("key"));
}

TEST_CASE("A table or a rule that does not fit the program is refused before anything is written") {
  const test::Folder folder;
  const Shouting shouting;
  auto job = shouting.job(folder.write("in.csv", "Question,id\nrow 0,1\n"), folder.path / "out");
  CHECK(code_of([&] { run_bulk(shouting.program, job); }, "lacks `question` and has `Question` and `id`") ==
        Errc::bad_input);
  job.inputs = folder.write("in.jsonl", rows(5));
  CHECK(code_of([&] { run_bulk(shouting.program, job, {.rule = ShardRule::parse("hash:nope")}); }, "is not an input") ==
        Errc::invalid_parameter);
  CHECK_FALSE(std::filesystem::exists(job.out));
}
