-- Beside the ledger's own database, `coincast`. The user owns them: since PostgreSQL 15 nobody else may make tables there.
CREATE DATABASE prefect OWNER coincast;
CREATE DATABASE mlflow OWNER coincast;
