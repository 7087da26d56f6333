from tests.lab.fixtures import engine_host, fresh_host, lab

__all__ = ["engine_host", "fresh_host", "lab"]
