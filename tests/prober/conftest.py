from tests.lab.fixtures import engine_host, fresh_host, lab, pytest_collection_modifyitems

__all__ = ["engine_host", "fresh_host", "lab", "pytest_collection_modifyitems"]
