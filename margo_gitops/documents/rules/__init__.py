"""Rules of documents, one module a kind or subject; `every` runs those of a document's kind."""
