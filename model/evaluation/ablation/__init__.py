"""The paper's rows: trained, measured together, compared with the reported figures."""
