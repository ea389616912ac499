"""The records of the benchmark's pages of films, as Scrapy collects them."""
import re

import scrapy


class Films(scrapy.Spider):
    name = "films"
    custom_settings = {"TELNETCONSOLE_ENABLED": False}

    def start_requests(self):
        for n in range(1, int(self.pages) + 1):
            yield scrapy.Request("%s/list/%d" % (self.base, n))

    def parse(self, response):
        for li in response.css("ol.grid_view > li"):
            yield {
                "rank": int(li.css("em::text").get()),
                "title": li.css("span.title::text").get(),
                "rating": float(li.css(".rating_num::text").get()),
                "votes": int(re.search("[0-9]+", li.xpath(".//span[contains(., '人评价')]/text()").get()).group()),
                "quote": li.css("p.quote span::text").get(),
                "link": li.css(".hd a::attr(href)").get(),
            }
