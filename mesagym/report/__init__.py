"""Figures, films, the page and the table that show what a run learned."""

from mesagym.report.figures import draw_figures as draw_figures
from mesagym.report.figures import save_figures as save_figures
from mesagym.report.films import Episode as Episode
from mesagym.report.films import film as film
from mesagym.report.films import save_film as save_film
from mesagym.report.maps import LevelMap as LevelMap
from mesagym.report.maps import corner_map as corner_map
from mesagym.report.maps import maps_to_bytes as maps_to_bytes
from mesagym.report.maps import tabular_map as tabular_map
from mesagym.report.page import report_html as report_html
from mesagym.report.page import write_report as write_report
from mesagym.report.terminal import show_results as show_results
from mesagym.report.view import MAPS as MAPS
from mesagym.report.view import RunView as RunView
from mesagym.report.view import load_run as load_run
