"""The pictures of the benchmark's galleries, as Scrapy collects them."""
import scrapy


class Pictures(scrapy.Spider):
    name = "pictures"
    custom_settings = {
        "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
        "TELNETCONSOLE_ENABLED": False,
    }

    def start_requests(self):
        for n in range(1, int(self.pages) + 1):
            yield scrapy.Request("%s/g/%d.html" % (self.base, n))

    def parse(self, response):
        path = '//div[@class="page-content text-center"]//img[@class!="gif"]/@data-original'
        yield {"file_urls": [response.urljoin(u) for u in response.xpath(path).getall()]}
