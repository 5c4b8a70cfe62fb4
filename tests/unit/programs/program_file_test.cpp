#include "dspy/programs/program_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/version.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predict.hpp"
#include "support/child.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <format>

using namespace dspy;

namespace {

constexpr std::string_view states = DSPY_TEST_DIR "/cases/dspy/states/";

std::string state(std::string_view name) {
  return read_file(std::string(states) + std::string(name), 1 << 20);
}

/// What DSPy saved as rag.json.
struct Rag {
  Predict<> query{"question -> query"};
  ChainOfThought<> answer{"context, question -> answer, confidence: float"};
};

struct Nested {
  Rag rag;
  Predict<> judge{"question, answer -> ok: bool"};
};

/// What DSPy's ReAct saves.
struct Agent {
  Predict<> react{"question, trajectory -> next_thought, next_tool_name, next_tool_args"};
  ChainOfThought<> extract{"question, trajectory -> answer"};
};

template <class F>
std::string message_of(F&& work) {
  const auto result = attempt(work);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::config_error);
  return result.error().what();
}

std::string reason(std::string_view text) {
  return message_of([&] { read_program(text); });
}

/// `text` with the first `from` in it replaced.
std::string edited(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

struct Line {
  std::string what = {};
  double price = 0;

  static constexpr auto fields = describe(field<&Line::price>(validator("is_fair", [](double p) { return p < 100; })));
};

struct Bill {
  struct Input {
    std::string text;
  };
  struct Output {
    std::vector<Line> lines;
    int number = 0;
  };
  static constexpr auto fields =
      describe(field<&Output::number>(validator("is_even", [](int n) { return n % 2 == 0; })));
  static constexpr auto validators =
      describe(validator("adds_up", [](const Output& bill) { return !bill.lines.empty(); }));
  static constexpr auto computed =
      describe(dspy::computed("mean", [](const Output& bill) { return static_cast<double>(bill.number); }));
};

struct Billing {
  Predict<Bill> read;
};

struct PlainBilling {
  Predict<> read{"text -> lines: list[Line{what: str, price: float}], number: int"};
};

}  // namespace

TEST_CASE("A program comes back from its file as it was saved") {
  const test::Folder folder;
  Rag program;
  auto signature = program.answer.signature().with_instructions("Answer from the context.");
  signature = signature.with_updated_field("confidence", [](Field& field) {
    field.description = "How sure.";
    field.label = "Certainty";
  });
  program.answer.set_signature(signature);
  program.answer.set_demos({Example({{"context", "c"},
                                     {"question", "q"},
                                     {"reasoning", "r"},
                                     {"answer", "a"},
                                     {"confidence", 0.5},
                                     {"augmented", true}},
                                    signature)});
  program.query.set_sampling({.max_tokens = 40, .temperature = 0.0, .seed = 7, .stop = {"\n"}});

  save(program, folder.path / "rag.json",
       {.optimizer = {{"name", "BootstrapFewShot"}},
        .scores = {{.metric = "exact_match", .value = 0.75, .examples = 200, .dataset = "dev.jsonl"}}});
  Rag loaded;
  const auto file = load(loaded, folder.path / "rag.json");

  CHECK(loaded.answer.signature() == signature);
  CHECK(loaded.answer.demos() == program.answer.demos());
  CHECK(loaded.query.sampling() == program.query.sampling());
  CHECK(loaded.query.adapter()->name() == "field");
  CHECK(file.integrity == ProgramFile::Integrity::verified);
  CHECK(file.library == version());
  CHECK(file.optimizer == JsonObject{{"name", "BootstrapFewShot"}});
  CHECK(file.scores ==
        std::vector<SavedScore>{{.metric = "exact_match", .value = 0.75, .examples = 200, .dataset = "dev.jsonl"}});
}

TEST_CASE("The file has Python DSPy's layout and describes itself beside it") {
  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>());
  const auto text = to_text(to_program_file(with_lm(Rag(), lm)));
  const auto root = parse_json(text)->as_object();

  std::vector<std::string> members;
  for (const auto& member : root) members.emplace_back(member.key());
  CHECK(members == std::vector<std::string>{"query", "answer.predict", "metadata", "dspy_cpp"});
  CHECK(
      to_text(root.at("query")) ==
      R"({"traces":[],"train":[],"demos":[],"signature":{"instructions":"Given the fields `question`, produce the fields `query`.","fields":[)"
      R"({"prefix":"Question:","description":"${question}"},{"prefix":"Query:","description":"${query}"}]},"lm":null})");
  // Python looks each of these up among its own packages, and would fail on one of ours.
  CHECK(root.at("metadata").at("dependency_versions").as_object().empty());
  const auto& own = root.at("dspy_cpp").as_object();
  CHECK(own.at("version") == 2);
  CHECK(
      to_text(own.at("predictors").at("answer.predict")) ==
      R"({"inputs":[{"name":"context","type":"str"},{"name":"question","type":"str"}],)"
      R"("outputs":[{"name":"reasoning","type":"str"},{"name":"answer","type":"str"},{"name":"confidence","type":"float"}],)"
      R"("has_instructions":false,"functions":{},"adapter":"field","lm":"scripted"})");
}

TEST_CASE("A lone Predict is its own state, a ChainOfThought stands under `predict`, as in DSPy") {
  const auto lone = parse_json(to_text(to_program_file(Predict("a -> b"))))->as_object();
  CHECK(lone.contains("signature"));
  CHECK(lone.contains("demos"));
  const auto thoughtful = parse_json(to_text(to_program_file(ChainOfThought("a -> b"))))->as_object();
  CHECK(thoughtful.at("predict").at("signature").at("fields").as_array().size() == 3);
}

TEST_CASE("Programs that Python DSPy saved load into programs of the same shape") {
  Predict<> lone("question -> answer");
  load(lone, std::string(states) + "predict.json");
  CHECK(lone.signature().instructions == "Tuned instruction 0 for self: be exact.");
  REQUIRE(lone.demos().size() == 2);
  CHECK(lone.demos()[1].inputs() == JsonObject{{"question", "x1"}});
  CHECK(lone.demos()[1].outputs() == JsonObject{{"answer", "x1"}});
  CHECK(*lone.demos()[1].get("augmented") == true);

  ChainOfThought<> thoughtful("question -> answer");
  load(thoughtful, std::string(states) + "cot.json");
  CHECK(thoughtful.demos()[0].outputs() == JsonObject{{"reasoning", "x0"}, {"answer", "x0"}});

  Rag rag;
  const auto file = load(rag, std::string(states) + "rag.json");
  CHECK(rag.answer.signature().instructions == "Tuned instruction 1 for answer.predict: be exact.");
  CHECK(rag.answer.signature().outputs[2].type == Type::number());
  CHECK(file.integrity == ProgramFile::Integrity::unchecked);
  CHECK(file.kept.at("metadata").at("dependency_versions").at("dspy") == "3.3.1");

  Nested nested;
  load(nested, std::string(states) + "nested.json");
  CHECK(nested.rag.query.demos().size() == 2);

  Agent agent;
  load(agent, std::string(states) + "react.json");
  CHECK(agent.react.signature().instructions == "Tuned instruction 0 for react: be exact.");
}

TEST_CASE("A program of Python's is saved again with everything it held, and now describes itself") {
  for (const auto* name : {"predict.json", "cot.json", "rag.json", "nested.json", "react.json"}) {
    CAPTURE(name);
    const auto before = parse_json(state(name))->as_object();
    auto after = parse_json(to_text(read_program(state(name))))->as_object();
    CHECK(after.at("dspy_cpp").at("predictors").as_object().empty());
    after.erase("dspy_cpp");
    CHECK(after == before);
  }

  Rag rag;
  const auto text =
      edited(state("rag.json"), "\"lm\": null", R"("lm": {"model": "openai/gpt-4o-mini", "temperature": 0.5})");
  auto file = read_program(edited(text, "\"traces\": []", "\"traces\": [1], \"novelty\": {\"a\": [1, 2]}"));
  apply(file, rag);
  const auto again = parse_json(to_text(to_program_file(rag, file)))->as_object();
  CHECK(again.at("query").at("novelty").at("a") == JsonArray{1, 2});
  CHECK(again.at("query").at("traces") == JsonArray{1});
  CHECK(again.at("query").at("lm").at("model") == "openai/gpt-4o-mini");
  CHECK(again.at("metadata").at("dependency_versions").at("dspy") == "3.3.1");
  CHECK(again.at("dspy_cpp").at("predictors").as_object().size() == 2);
}

TEST_CASE("Modules that are not predictors keep their state") {
  const auto file = read_program(edited(state("rag.json"), "{", R"({"retrieve": {"k": 3},)"));

  CHECK(file.predictors.size() == 2);
  CHECK(parse_json(to_text(file))->at("retrieve").at("k") == 3);
}

TEST_CASE("Unknown members of this library's part are kept, and come under the hash") {
  auto root = parse_json(to_text(to_program_file(Predict("a -> b"))))->as_object();
  root.at("dspy_cpp").as_object()["note"] = "by hand";
  const auto file = read_program(to_text(Json(root)), {.accept_changed = true});

  CHECK(file.integrity == ProgramFile::Integrity::changed);
  const auto again = read_program(to_text(file));
  CHECK(again.integrity == ProgramFile::Integrity::verified);
  CHECK(again.own_kept == JsonObject{{"note", "by hand"}});
}

TEST_CASE("Unknown members are kept at every level, for readers that know more") {
  auto root = parse_json(to_text(to_program_file(Rag(), {.scores = {{.metric = "m", .value = 1}}})))->as_object();
  root["query"].as_object()["signature"].as_object()["strict"] = true;
  root["query"].at("signature").at("fields").as_array()[0].as_object()["json_type"] = "string";
  auto& own = root["dspy_cpp"].as_object();
  own["scores"].as_array()[0].as_object()["split"] = "dev";
  auto& query = own["predictors"].at("query").as_object();
  query["cost"] = 3;
  query["inputs"].as_array()[0].as_object()["origin"] = "user";

  const auto file = read_program(to_text(Json(root)), {.accept_changed = true});
  Rag program;
  apply(file, program);
  auto again = parse_json(to_text(to_program_file(program, file)))->as_object();

  root["dspy_cpp"].as_object().erase("hash");
  again["dspy_cpp"].as_object().erase("hash");
  CHECK(to_text(Json(again)) == to_text(Json(root)));
}

TEST_CASE("The names of validators and computed fields are in the file, and a program without them does not fit") {
  const test::Folder folder;
  const auto path = folder.path / "billing.json";
  Billing billing;
  save(billing, path);
  const auto saved = load_program(path).predictors[0];

  CHECK(*saved.functions == SavedFunctions{.validators = {{.field = "lines.price", .name = "is_fair"},
                                                          {.field = "number", .name = "is_even"},
                                                          {.name = "adds_up"}},
                                           .computed = {make_field("mean", Type::number())}});
  const auto root = parse_json(read_file(path, 1 << 20))->as_object();
  CHECK(to_text(root.at("dspy_cpp").at("predictors").at("read").at("functions")) ==
        R"({"validators":[{"field":"lines.price","name":"is_fair"},{"field":"number","name":"is_even"},)"
        R"({"name":"adds_up"}],"computed":[{"name":"mean","type":"float"}]})");

  Billing same;
  load(same, path);
  CHECK(same.read.predictor().signature() == billing.read.predictor().signature());

  PlainBilling plain;
  CHECK(message_of([&] { load(plain, path); }) ==
        "the file does not fit the program: in `read`, the validator `is_fair` of `lines.price` of the file is not in "
        "the program; the validator `is_even` of `number` of the file is not in the program; the validator `adds_up` "
        "of the file is not in the program; the computed field `mean` of the file is not in the program; load it into "
        "the program it was saved from, or save it again");
  load(plain, path, {.accept_other_functions = true});

  const auto plain_path = folder.path / "plain.json";
  save(plain, plain_path);
  CHECK(message_of([&] {
          load(billing, plain_path);
        }).contains("the validator `is_even` of `number` of the program is not in the file"));

  // A file that does not say, of an older version or of Python, fits both.
  auto older = root;
  older["dspy_cpp"].at("predictors").at("read").as_object().erase("functions");
  apply(read_program(to_text(Json(older)), {.accept_changed = true}), billing);
  apply(read_program(to_text(Json(older)), {.accept_changed = true}), plain);
}

TEST_CASE("Fields that do not fit are named, each with what differs, and nothing is changed") {
  struct Case {
    std::string_view declared;
    std::string_view problem;
  };
  const auto file = to_program_file(Predict("context, question: int -> answer, score: float"));
  const Case cases[] = {
      {"context, question: int -> answer, score: int",
       "the output `score` is `int` in the program and `float` in the file"},
      {"context -> answer, score: float", "the input `question` of the file is not in the program"},
      {"context, question: int -> answer, score: Annotated[bool, Field(default=True)]",
       "the output `score` is `bool` in the program and `float` in the file"},
      {"context, question: int, extra -> answer, score: float", "the input `extra` of the program is not in the file"},
      {"context, question: int, score: float -> answer",
       "`score` is an input of the program and an output in the file"},
      {"context, query: int -> answer, score: float",
       "the input `query` of the program is not in the file; the input `question` of the file is not in the program"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.declared);
    Predict<> program(Signature::parse(each.declared, "Untouched."));
    CHECK(
        message_of([&] { apply(file, program); }) ==
        std::format("the file does not fit the program: in `self`, {}; load it into the program it was saved from, or "
                    "save it again",
                    each.problem));
    CHECK(program.signature().instructions == "Untouched.");
  }
  Predict<> reordered("question: int, context -> score: Annotated[float, Field(ge=0)], answer");
  CHECK_NOTHROW(apply(file, reordered));
}

TEST_CASE("Fields of a file that Python wrote are compared by what it does hold") {
  struct Case {
    std::string_view declared;
    std::string_view problem;
  };
  const Case cases[] = {
      {"question -> answer, score", "the file holds 2 fields (\"Question:\" and \"Answer:\") where the program has 3"},
      {"answer -> question", "field 1 is `answer` in the program and `question` in the file"},
      {"question -> reply", "field 2 is `reply` in the program and `answer` in the file"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.declared);
    Predict<> program(each.declared);
    CHECK(message_of([&] { load(program, std::string(states) + "predict.json"); }).contains(each.problem));
  }

  // With a description of its own, a field is known by its prefix alone, which optimizers change.
  const auto described =
      edited(edited(state("predict.json"), "${question}", "What is asked."), "${answer}", "The reply.");
  const auto declared = Signature::parse("question -> answer");
  CHECK(merged_signature(read_program(described).predictors[0], declared).inputs[0].description == "What is asked.");
  CHECK(differences(read_program(edited(described, "Answer:", "In short:")).predictors[0], declared).empty());
  CHECK(differences(read_program(described).predictors[0], Signature::parse("answer -> question")).size() == 2);
}

TEST_CASE("A program that lacks a predictor, or has one too many, does not fit") {
  Predict<> lone("question -> answer");
  const auto message = message_of([&] { load(lone, std::string(states) + "rag.json"); });
  CHECK(
      message.contains("the program has no predictor `query`; the program has no predictor `answer.predict`; "
                       "the file has no predictor `self`"));
}

TEST_CASE("A file that changed after it was saved is refused, unless that is accepted") {
  Predict<> program(Signature::parse("question -> answer", "Be true."));
  const auto text = to_text(to_program_file(program));
  const auto forged = edited(text, "\"instructions\": \"Be true.\"", "\"instructions\": \"Lie.\"");

  CHECK(reason(forged).contains("its content does not match its hash"));
  CHECK(read_program(forged, {.accept_changed = true}).predictors[0].signature.instructions == "Lie.");
  // Layout, the order of members and the spelling of numbers are not content.
  const auto compact = to_text(*parse_json(edited(text, "\"version\": 2", "\"version\": 2.0")));
  CHECK(read_program(compact).integrity == ProgramFile::Integrity::verified);
}

TEST_CASE("A program of version 1 is brought to the present one") {
  const auto file =
      read_program(R"({"predict": {"demos": [], "lm": null, "signature": {"instructions": "Think.", "fields": [
      {"prefix": "Ticket:", "description": "${ticket}"}, {"prefix": "Reasoning:", "description": "${reasoning}"},
      {"prefix": "Category:", "description": "One word."}]}},
    "dspy_cpp": {"version": 1, "module": "ChainOfThought", "signature": "ticket: str -> reasoning: str, category: str",
                 "adapter": "field", "fields": {"category": {"label": "Kind", "min_length": 2, "max_length": 20}}}})");

  REQUIRE(file.predictors.size() == 1);
  CHECK(file.predictors[0].path == "predict");
  CHECK(file.predictors[0].adapter == "field");
  CHECK(file.predictors[0].signature.outputs[1].label == "Kind");
  CHECK(file.predictors[0].signature.outputs[1].limits() == Limits{.min_length = 2, .max_length = 20});
  CHECK(file.predictors[0].signature.outputs[1].description == "One word.");
  CHECK(file.own_kept.empty());
  CHECK(parse_json(to_text(file))->at("dspy_cpp").at("version") == 2);
}

TEST_CASE("What is not a program says what is wrong and where") {
  struct Case {
    std::string_view text;
    std::string_view message;
  };
  const Case cases[] = {
      {"", "program: no usable JSON at byte 0: incomplete JSON"},
      {"[]", "program: a program is a JSON object, and this is another value"},
      {"{}", "program: it holds no predictor: an object with `signature` and `demos`"},
      {R"({"metadata": {}})", "it holds no predictor"},
      {R"({"demos": [], "demos": []})", "at byte 14: the member \"demos\" is duplicated"},
      {std::string_view("{\"demos\": \"a\0b\"}", 15), "at byte 12"},
      {R"({"demos": "\ud800"})", "at byte"},
      {"{\"demos\": \"\xff\"}", "at byte"},
      {R"({"signature": {"fields": 3}})", "`signature.fields` must be a list"},
      {R"({"signature": {"fields": [3]}})", "`signature.fields[0]` must be an object"},
      {R"({"signature": {"fields": [{"prefix": 3}]}})", "`signature.fields[0].prefix` must be text"},
      {R"({"a": {"signature": {"fields": [], "instructions": []}}})", "`a.signature.instructions` must be text"},
      {R"({"signature": {"fields": []}, "demos": [{}, 1]})", "`demos[1]` must be an object"},
      {R"({"dspy_cpp": 3})", "`dspy_cpp` must be an object"},
      {R"({"dspy_cpp": {}})", "`dspy_cpp` has no `version`"},
      {R"({"dspy_cpp": {"version": 0}})", "`dspy_cpp.version` must be at least 1"},
      {R"({"dspy_cpp": {"version": -1}})", "`dspy_cpp.version` must be a count"},
      {R"({"dspy_cpp": {"version": 1.5}})", "`dspy_cpp.version` must be a count"},
      {R"({"dspy_cpp": {"version": 3}})", "reads up to 2; use a newer dspy"},
      {R"({"dspy_cpp": {"version": 1, "signature": "a b"}})", "`dspy_cpp` is not usable"},
      {R"({"signature": {"fields": []}, "dspy_cpp": {"version": 2, "scores": [{"metric": "m"}]}})",
       "`dspy_cpp.scores[0]` has no `value`"},
      {R"({"signature": {"fields": []}, "dspy_cpp": {"version": 2, "predictors": {"b": {}}}})",
       "`dspy_cpp.predictors.b` describes a predictor that the file does not hold"},
      {R"({"signature": {"fields": []}, "dspy_cpp": {"version": 2, "predictors": {"self": {"outputs": [{"name": "a"}]}}}})",
       "`dspy_cpp.predictors.self` names 1 fields, and the `signature` of the same predictor holds 0"},
      {R"({"signature": {"fields": [{}]}, "dspy_cpp": {"version": 2, "predictors": {"self": {"outputs": [{"name": "a b"}]}}}})",
       "`dspy_cpp.predictors.self.outputs[0]` is not usable: `a b` is not a field name"},
      {R"({"signature": {"fields": [{}]}, "dspy_cpp": {"version": 2, "predictors": {"self": {"outputs": [{"name": "a", "type": "flaot"}]}}}})",
       "did you mean `float`"},
      {R"({"signature": {"fields": [{}]}, "dspy_cpp": {"version": 2, "predictors": {"self": {"outputs": [{"name": "a"}], "sampling": {"top_p": 7}}}}})",
       "`top_p` must be above 0 and at most 1"},
      {R"({"signature": {"fields": [{}]}, "dspy_cpp": {"version": 2, "predictors": {"self": {"outputs": [{"name": "a"}], "sampling": {"max_tokens": 1e99}}}}})",
       "`max_tokens` must be an integer"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.text);
    CHECK(reason(each.text).contains(each.message));
  }
  CHECK(reason(std::string(100'000, '[')).contains("too deep"));
  const test::Folder folder;
  const auto big = folder.write("big.json", std::string(2000, ' '));
  const auto result = attempt([&] { load_program(big, {.max_bytes = 1000}); });
  CHECK(std::string_view(result.error().what()).contains("larger than the limit of 1000 bytes"));
  CHECK(message_of([&] { load_program(folder.write("x.json", "{")); }).contains("x.json`: no usable JSON at byte 1"));
}

TEST_CASE("Secrets that Python's state of an LM may hold are not written again") {
  const auto text =
      edited(state("predict.json"), "\"lm\": null",
             R"("lm": {"model": "m", "max_tokens": 9, "api_key": "sk-1", "headers": {"Authorization": "sk-2"},
                                "launch_kwargs": {"hf_token": "sk-3", "devices": [{"secret": "sk-4"}]}})");

  const auto written = to_text(read_program(text));

  CHECK_FALSE(written.contains("sk-"));
  CHECK(parse_json(written)->at("lm").at("max_tokens") == 9);
  CHECK(parse_json(written)->at("lm").at("launch_kwargs").at("devices").as_array().size() == 1);
}

TEST_CASE("A saved predictor runs without the program that it was saved from") {
  const auto file = to_program_file(Predict("question -> answer: int"));
  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: 4", "Reasoning: so\nAnswer: 5"});
  CHECK(to_predictor(file.predictors[0], {.lm = lm})({{"question", "?"}}).at("answer") == 4);

  const auto foreign = read_program(state("cot.json")).predictors[0];
  CHECK(message_of([&] { to_predictor(foreign); }).contains("does not name its fields"));
  const auto predictor = to_predictor(foreign, {.lm = lm}, Signature::parse("question -> answer"));
  CHECK(predictor.demos().size() == 2);
  CHECK(predictor({{"question", "?"}}).at("reasoning") == "so");
}

TEST_CASE("An adapter of one's own is found by its name in the program that is loaded") {
  auto file = to_program_file(Predict("a -> b"));
  file.predictors[0].adapter = "house_style";
  Predict<> program("a -> b");

  CHECK(message_of([&] { apply(file, program); }).contains("house_style"));
}

TEST_CASE("A process killed while it saves leaves a program that loads, the old one or the new one") {
  const test::Folder folder;
  const auto path = folder.path / "program.json";
  Predict<> program("question -> answer");
  program.set_demos(
      std::vector<Example>(500, Example({{"question", std::string(500, 'q')}, {"answer", "a"}}, {"question"})));
  save(program, path);

  int number = 0;
  const auto save_next = [&] {
    program.set_signature(program.signature().with_instructions(std::format("Version {}.", ++number)));
    save(program, path);
  };
  test::kill_at_random_moments(40, save_next, [&] {
    Predict<> loaded("question -> answer");
    load(loaded, path);
    REQUIRE(loaded.demos().size() == 500);
  });
}

TEST_CASE("A predictor cannot be saved under a name that the file needs for itself") {
  struct Program {
    Predict<> metadata{"a -> b"};
  };
  CHECK(message_of([] { to_text(to_program_file(Program())); }).contains("rename the member"));
}

TEST_CASE("Prefixes are those that DSPy infers") {
  struct Case {
    std::string name;
    std::string_view prefix;
  };
  const Case cases[] = {
      {"order_id", "Order Id:"},
      {"orderId", "Order Id:"},
      {"HTMLParser", "HTML Parser:"},
      {"text2number", "Text 2 Number:"},
      {"user_ID", "User ID:"},
      {"aB", "A B:"},
      {"AB", "AB:"},
      {"ABc", "A Bc:"},
      {"A1B2", "A 1 B 2:"},
      {"x_", "X :"},
      {"_x", " X:"},
      {"a__b", "A  B:"},
      {"iPhone15Pro", "I Phone 15 Pro:"},
      {"myHTTPServer2", "My HTTP Server 2:"},
      {"aBCd", "A B Cd:"},
      {"word2Vec3D", "Word 2 Vec 3 D:"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.name);
    const auto text = to_text(to_program_file(Predict(each.name + " -> output")));
    CHECK(parse_json(text)->at("signature").at("fields").at(0).at("prefix").as_string() == each.prefix);
  }
}
