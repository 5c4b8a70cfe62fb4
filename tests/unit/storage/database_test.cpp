#include "dspy/storage/database.hpp"

#include "dspy/base/error.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

using namespace dspy;
using namespace dspy::storage;

TEST_CASE("A file gets the migrations that it has not had") {
  const test::Folder folder;
  const auto path = folder.path / "deep" / "notes.sqlite";
  const std::string first = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";
  const std::string second = "ALTER TABLE notes ADD COLUMN tag TEXT NOT NULL DEFAULT 'none'";
  {
    Database database(path, {.migrations = {first}});
    database.prepare("INSERT INTO notes (text) VALUES (?1)").bind_text(1, "hello").run();
  }

  Database database(path, {.migrations = {first, second}});
  auto rows = database.prepare("SELECT id, text, tag FROM notes");
  REQUIRE(rows.step());
  CHECK(rows.integer(0) == 1);
  CHECK(rows.bytes(1) == "hello");
  CHECK(rows.bytes(2) == "none");
  CHECK_FALSE(rows.step());
  CHECK_THROWS_AS(Database(path, {.migrations = {first}}), Error);
}

TEST_CASE("A migration that fails leaves the file as it was") {
  const test::Folder folder;
  const auto path = folder.path / "notes.sqlite";

  CHECK_THROWS_AS(Database(path, {.migrations = {"CREATE TABLE a (x); CREATE TABLE oops oops oops"}}), Error);
  Database database(path, {.migrations = {"CREATE TABLE a (x)"}});
  database.execute("INSERT INTO a VALUES (5)");
}

TEST_CASE("A transaction is done whole or not at all") {
  const test::Folder folder;
  Database database(folder.path / "notes.sqlite", {.migrations = {"CREATE TABLE a (x UNIQUE)"}});
  const auto count = [&] {
    auto rows = database.prepare("SELECT count(*) FROM a");
    return rows.step() ? rows.integer(0) : -1;
  };

  CHECK_THROWS_AS(database.transaction([&] {
    database.execute("INSERT INTO a VALUES (1)");
    database.execute("INSERT INTO a VALUES (1)");
  }),
                  Error);
  CHECK(count() == 0);
  database.transaction([&] { database.execute("INSERT INTO a VALUES (1)"); });
  CHECK(count() == 1);
}

TEST_CASE("Values come back as they were, bytes with zeros too") {
  const test::Folder folder;
  Database database(folder.path / "notes.sqlite", {.migrations = {"CREATE TABLE a (x, y, z)"}});
  const std::string bytes("a\0b\xFF", 4);
  auto insert = database.prepare("INSERT INTO a VALUES (?1, ?2, ?3)");
  insert.bind(1, std::int64_t{-5}).bind(2, std::optional<std::int64_t>()).bind_bytes(3, bytes);
  CHECK(insert.run() == 1);

  auto rows = database.prepare("SELECT x, y, z FROM a");
  REQUIRE(rows.step());
  CHECK(rows.integer(0) == -5);
  CHECK_FALSE(rows.optional_integer(1).has_value());
  CHECK(rows.bytes(2) == bytes);
}
